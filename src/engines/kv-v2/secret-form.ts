/**
 * How the record of a secret is written: it is read and written anew with each version, so its length and its parsing are a good part of what a write
 * costs. One JSON list, in which what most versions share stands once:
 * [id, createdAt, updatedAt, current, oldest, revision, settings or null, writers, versions], where versions has six values for each: id, createdAt after
 * that of the secret, deletedAt or 0, place of the writer or -1, number less slot, and what is rare or 0.
 * Up to form 2 of the data it was the record itself as a JSON object, whose versions had no slot.
 */
import { parseOwn } from '../../kit/json.ts'
import { plainForm, type RecordForm } from '../../kit/records.ts'
import type { SecretRecord, SecretSettings, VersionRecord } from './secret.ts'

type Writer = readonly [accessor: string, entity: string]
type Rare = Partial<Pick<VersionRecord, 'state' | 'labels'>>
type Packed = readonly [
  id: string, createdAt: number, updatedAt: number, current: number, oldest: number, revision: number,
  settings: SecretSettings | null, writers: readonly Writer[], versions: readonly (string | number | Rare)[],
]
/** Of a version, in `Packed`. */
const width = 6

export const secretForm: RecordForm<SecretRecord> = Object.freeze({
  encode: (secret: SecretRecord): string => JSON.stringify(pack(secret)),
  decode: (text: string): SecretRecord => (text.startsWith('[') ? unpack(parseOwn(text) as unknown as Packed) : fromForm2(text)),
})

function pack(secret: SecretRecord): Packed {
  const { id, createdAt, updatedAt, current, oldest, revision } = secret
  const writers: Writer[] = []
  const versions: (string | number | Rare)[] = []
  for (const version of secret.versions) {
    const { number, slot, deletedAt, by } = version
    versions.push(version.id, version.createdAt - createdAt, deletedAt ?? 0, by === null ? -1 : placeOf(writers, by), number - slot, rareOf(version))
  }
  return [id, createdAt, updatedAt, current, oldest, revision, settingsOf(secret), writers, versions]
}

function placeOf(writers: Writer[], { accessor, entity }: { readonly accessor: string; readonly entity: string }): number {
  const known = writers.findLastIndex((writer) => writer[0] === accessor && writer[1] === entity)
  return known >= 0 ? known : writers.push([accessor, entity]) - 1
}

function rareOf({ state, labels }: VersionRecord): Rare | 0 {
  const hasLabels = Object.keys(labels).length > 0
  if (state === 'live' && !hasLabels) return 0
  return { ...(state === 'live' ? {} : { state }), ...(hasLabels ? { labels } : {}) }
}

function settingsOf({ maxVersions, casRequired, metadataCasRequired, deleteAfterSeconds, custom }: SecretRecord): SecretSettings | null {
  if (maxVersions === 0 && !casRequired && !metadataCasRequired && deleteAfterSeconds === 0 && custom === null) return null
  return { maxVersions, casRequired, metadataCasRequired, deleteAfterSeconds, custom }
}

const noSettings: SecretSettings = Object.freeze({ maxVersions: 0, casRequired: false, metadataCasRequired: false, deleteAfterSeconds: 0, custom: null })
const noLabels = Object.freeze({})

function unpack([id, createdAt, updatedAt, current, oldest, revision, settings, writers, packed]: Packed): SecretRecord {
  const known = writers.map(([accessor, entity]) => Object.freeze({ accessor, entity }))
  const count = packed.length / width
  const versions: VersionRecord[] = []
  for (let index = 0; index < count; index++) versions.push(unpackVersion(packed, index * width, current - count + 1 + index, createdAt, known))
  const { maxVersions, casRequired, metadataCasRequired, deleteAfterSeconds, custom } = settings ?? noSettings
  if (custom !== null) Object.freeze(custom)
  return Object.freeze({ id, createdAt, updatedAt, current, oldest, revision, maxVersions, casRequired, metadataCasRequired, deleteAfterSeconds, custom, versions: Object.freeze(versions) })
}

function unpackVersion(packed: Packed[8], at: number, number: number, base: number, writers: readonly NonNullable<VersionRecord['by']>[]): VersionRecord {
  const rare = packed[at + 5] as Rare | 0
  const { state = 'live', labels = noLabels } = rare === 0 ? {} : rare
  return Object.freeze({
    number,
    slot: number - (packed[at + 4] as number),
    id: packed[at] as string,
    state,
    labels: Object.freeze(labels),
    createdAt: base + (packed[at + 1] as number),
    deletedAt: (packed[at + 2] as number) || null,
    by: writers[packed[at + 3] as number] ?? null,
  })
}

function fromForm2(text: string): SecretRecord {
  const { versions, ...rest } = plainForm.decode(text) as SecretRecord
  return Object.freeze({ ...rest, versions: Object.freeze(versions.map((version) => Object.freeze({ ...version, slot: version.number }))) })
}
