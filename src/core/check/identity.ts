/** Entities, their names and their aliases, in both directions. */
import { namedStore, opaqueStore, type Base } from '../base.ts'
import {
  aliasHash, aliasIds, aliasOwners, entityNames, entityNamesFolder, entityRecords, mergedEntities, type EntityRecord,
} from '../identity/record.ts'
import { namesUnder, type Findings } from './findings.ts'

export async function checkIdentity(base: Base, findings: Findings): Promise<void> {
  const store = opaqueStore(base)
  const entityOf = async (owner: { readonly entityId: string } | null): Promise<EntityRecord | null> =>
    (owner === null ? null : await entityRecords.read(store, owner.entityId))
  for await (const id of namesUnder(store, 'entity/')) await findings.guard(`entity/${id}`, () => checkEntity(base, id, findings))
  for await (const hash of namesUnder(store, 'alias/')) {
    const entity = await entityOf(await aliasOwners.read(store, hash))
    const isRight = entity?.aliases.some(({ mountAccessor, name }) => aliasHash(base, mountAccessor, name) === hash) === true
    findings.expect(isRight, `alias/${hash}`, 'is the alias of no entity')
  }
  for await (const id of namesUnder(store, 'alias-id/')) {
    const entity = await entityOf(await aliasIds.read(store, id))
    findings.expect(entity?.aliases.some((alias) => alias.id === id) === true, `alias-id/${id}`, 'is the alias of no entity')
  }
  for await (const id of namesUnder(store, 'entity-merged/')) {
    const merged = await mergedEntities.read(store, id)
    const into = merged === null ? null : await entityRecords.read(store, merged.into)
    findings.expect(into?.mergedIds.includes(id) === true, `entity-merged/${id}`, 'was merged into an entity that does not know it')
  }
  await checkNames(base, findings)
}

async function checkEntity(base: Base, id: string, findings: Findings): Promise<void> {
  const store = opaqueStore(base)
  const entity = await entityRecords.read(store, id)
  if (entity === null) return
  const expect = (isTrue: boolean, problem: string): void => findings.expect(isTrue, `entity/${id}`, problem)
  expect(entity.id === id, 'is the record of another')
  expect(!entity.policies.some((name) => name.trim().toLowerCase() === 'root'), 'has the policy root')
  expect((await entityNames.read(namedStore(base), entity.name))?.id === id, 'is not found by its name')
  expect(new Set(entity.aliases.map(({ mountAccessor }) => mountAccessor)).size === entity.aliases.length, 'has two aliases at one mount')
  for (const alias of entity.aliases) {
    expect((await aliasOwners.read(store, aliasHash(base, alias.mountAccessor, alias.name)))?.entityId === id, 'is not found by an alias')
    expect((await aliasIds.read(store, alias.id))?.entityId === id, 'is not found by the id of an alias')
  }
}

async function checkNames(base: Base, findings: Findings): Promise<void> {
  const named = namedStore(base)
  for await (const key of namesUnder(named, entityNamesFolder)) {
    const entry = await named.get(entityNamesFolder + key)
    if (entry === null) continue
    const { id, name } = entityNames.decode(entry)
    const entity = await entityRecords.read(opaqueStore(base), id)
    findings.expect(
      entity?.name === name && entityNames.key(name) === entityNamesFolder + key, `entity/${id}`,
      'has a name that leads to no entity, or to another'
    )
  }
}
