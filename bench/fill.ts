/**
 * Fills a store with very many things of one kind: with the server's own code, many of them to a commit, while no server runs on the folder.
 * Through the API a million takes an hour; the records, indexes and pages that come out are the same.
 */
import type { Core } from '../src/core/core.ts'
import { managedKeysOf } from '../src/core/managed-keys/keys.ts'
import { namedStore } from '../src/core/base.ts'
import { issueLease } from '../src/core/leases/issue.ts'
import { enableMount } from '../src/core/mounts/change.ts'
import { policyRecords } from '../src/core/policies/table.ts'
import { createToken } from '../src/core/tokens/create.ts'
import { findToken } from '../src/core/tokens/find.ts'
import type { TokenRecord } from '../src/core/tokens/record.ts'
import { withUnit, type Unit } from '../src/core/unit.ts'
import { parseCertificate } from '../src/crypto/x509/certificate.ts'
import { generateKey } from '../src/crypto/x509/keys.ts'
import { writeData } from '../src/engines/kv-v2/data.ts'
import { issueLeaf, type Issued, type LeafKey } from '../src/engines/pki/leaf.ts'
import { revokeCertificate } from '../src/engines/pki/revoke.ts'
import { resolveRole } from '../src/engines/pki/roles.ts'
import { leaseKind } from '../src/engines/ssh/otp.ts'
import { embeddedConfig } from '../src/server/defaults.ts'
import { realHost } from '../src/server/host.ts'
import { createLog, logControl } from '../src/server/log.ts'
import { openWorld } from '../src/server/world.ts'

export const kinds = ['secrets', 'tokens', 'leases', 'policies', 'mounts', 'certificates', 'revoked'] as const
export type Kind = (typeof kinds)[number]

/** What fillers need of the server that the folder belongs to. */
export interface Place {
  /** With the mounts `growth/` (KV version 2), `growth-ssh/` and `growth-pki/`, which has a root and the role `leaf`. */
  readonly folder: string
  /** The unseal key, in base64. */
  readonly key: string
  readonly token: string
}

/** Makes number `i`; answers what a request asks for it by. `isSample`: somebody will ask. */
type Filler = (core: Core, unit: Unit, i: number, root: TokenRecord, isSample: boolean) => Promise<string>

const secret = { password: 'p'.repeat(100) }
const mountConfig = { default_lease_ttl: 0, max_lease_ttl: 0, force_no_cache: false }
const monthSeconds = 30 * 24 * 3600

export async function mountAt(core: Core, path: string) {
  const mount = await core.mounts.at(path)
  if (mount === null) throw new Error(`there is no mount ${path}`)
  return mount
}

const fillers: Readonly<Record<Kind, Filler>> = {
  async secrets(core, unit, i) {
    const mount = await mountAt(core, 'growth/')
    const name = `name-${i}`
    const call = { params: { path: name }, input: { data: secret, options: {} }, store: unit.on(mount.store), now: core.host.now(), random: core.host.random, caller: null }
    await writeData.handle(call as unknown as Parameters<typeof writeData.handle>[0])
    return name
  },
  async tokens(core, unit, _, root) {
    const made = await createToken(core, unit, {
      type: 'service', path: 'auth/token/create', displayName: 'token', policies: ['default'], metadata: null, ttl: monthSeconds, renewable: true, parent: root.hash,
    })
    return made.id
  },
  async leases(core, unit, i, root) {
    const mount = await mountAt(core, 'growth-ssh/')
    const lease = await issueLease(core, unit, mount, 'growth-ssh/creds/role', root, {
      kind: leaseKind, ttlSeconds: monthSeconds, maxTtlSeconds: monthSeconds, renewable: false, internal: { otp: `otp-${i}` },
    })
    return lease.id
  },
  async policies(core, unit, i) {
    const name = `growth-${i}`
    policyRecords.write(unit.on(namedStore(core)), { name, text: `path "growth/data/${name}" { capabilities = ["read"] }`, modifiedAt: core.host.now(), version: 1 }, name)
    return name
  },
  async mounts(core, unit, i) {
    const path = `growth-mounts/${i}/`
    await enableMount(core, unit, {
      path, kind: 'secret', type: 'kv', description: '', local: false, sealWrap: false, externalEntropy: false, options: { version: '1' }, config: mountConfig,
    })
    return path
  },
  certificates: async (core, unit) => (await issueCertificate(core, unit)).serial,
  /** All but those that are asked for. */
  async revoked(core, unit, _, __, isSample) {
    const { serial, der } = await issueCertificate(core, unit)
    const store = unit.on((await mountAt(core, 'growth-pki/')).store)
    if (!isSample) await revokeCertificate({ store, now: core.host.now() }, parseCertificate(der))
    return serial
  },
}

/** By the root and for the key of the first one: what is stored is the same, and no key is made for each. */
async function issueCertificate(core: Core, unit: Unit): Promise<Issued> {
  const mount = await mountAt(core, 'growth-pki/')
  const call = {
    store: unit.on(mount.store), mount: mount.view, now: core.host.now(), random: core.host.random, caller: null, warn: () => undefined, fillTemplate: () => null, managedKeys: managedKeysOf(core, mount),
  }
  certificateKey ??= await newLeafKey()
  const key = certificateKey
  const order = { roleName: 'leaf', role: await resolveRole(call.store, 'leaf'), issuerRef: 'default', input: certificateInput, csr: null, isVerbatim: false }
  return (await issueLeaf(call, order, () => key)).issued
}

const certificateInput = {
  common_name: 'www.example.com', alt_names: '', ip_sans: [], uri_sans: [], other_sans: [], serial_number: '', exclude_cn_from_sans: false, user_ids: [],
  format: 'pem', private_key_format: 'der', remove_roots_from_chain: false,
}
let certificateKey: LeafKey | null = null

async function newLeafKey(): Promise<LeafKey> {
  const { type, spki } = await generateKey('ec', 256)
  return { type, bits: 256, spki, privateKey: null }
}

const perCommit: Readonly<Record<Kind, number>> = { secrets: 250, tokens: 250, leases: 250, policies: 250, mounts: 100, certificates: 250, revoked: 50 }

/** Makes numbers `from` to below `to`; answers the names of about `samples` of them, spread evenly. */
export async function fill(place: Place, kind: Kind, from: number, to: number, samples: number): Promise<string[]> {
  const { core, close } = await openFolder(place)
  try {
    const root = await findToken(core, place.token)
    if (root === null) throw new Error('the root token is not known in this folder')
    const stride = Math.max(1, Math.floor((to - from) / samples))
    const names: string[] = []
    for (let start = from; start < to; start += perCommit[kind]) {
      names.push(...(await withUnit((unit) => fillPart(core, unit, kind, root, { start, end: Math.min(to, start + perCommit[kind]), stride }))))
    }
    return names
  } finally {
    await close()
  }
}

interface FillPart {
  readonly start: number
  readonly end: number
  readonly stride: number
}

async function fillPart(core: Core, unit: Unit, kind: Kind, root: TokenRecord, { start, end, stride }: FillPart): Promise<string[]> {
  const names: string[] = []
  for (let i = start; i < end; i++) {
    const isSample = i % stride === 0
    const name = await fillers[kind](core, unit, i, root, isSample)
    if (isSample) names.push(name)
  }
  return names
}

/** The core of the server that a folder belongs to, unsealed, while no server runs on it. */
export async function openFolder({ folder, key }: Place): Promise<{ readonly core: Core; readonly close: () => Promise<void> }> {
  const logging = { level: 'error', format: 'standard' } as const
  const log = createLog(logging, Date.now, (text) => void process.stderr.write(text))
  const onStop = (reason: Error): never => {
    throw reason
  }
  const around = { host: realHost(log.write), logControl: logControl(log), onStop, sealOf: async () => null, crew: null, isFirst: true, processId: 'fill' }
  const world = await openWorld(embeddedConfig(folder, '127.0.0.1:0', logging, ''), around)
  await world.core.keys.unsealing.submit(Buffer.from(key, 'base64'))
  return world
}
