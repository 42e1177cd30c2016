/**
 * What KV version 2 stores: one record per secret with the state of all its versions (bounded by the number of versions kept), one entry
 * per version with nothing but the JSON text of its data, and one record for the mount.
 */
import { badRequest, Conflict, internal } from '../../kit/errors.ts'
import { JsonText, type JsonObject } from '../../kit/json.ts'
import { encodeBytes } from '../../kit/json-pieces.ts'
import { longJsonText } from '../../kit/json-steps.ts'
import { decodeOnce, records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'
import { nextTurn } from '../../kit/turns.ts'
import { secretForm } from './secret-form.ts'
import type { SecretRecord, VersionRecord } from './secret.ts'

export interface MountSettings {
  /** `converting`: secrets of version 1 are being taken over, and only what is already here can be answered. */
  readonly state: 'ready' | 'converting'
  /** 0: the default of `rules.ts`. */
  readonly maxVersions: number
  readonly casRequired: boolean
  readonly metadataCasRequired: boolean
  /** 0: not set. Negative: no version of any secret is deleted by its age. */
  readonly deleteAfterSeconds: number
}

export const secretsFolder = 'secrets/'
export const secrets = records<SecretRecord, [path: string]>((path) => secretsFolder + path, secretForm)
export const mounts = records<MountSettings, []>(() => '.mount')

export const freshMount: MountSettings = Object.freeze({
  state: 'ready',
  maxVersions: 0,
  casRequired: false,
  metadataCasRequired: false,
  deleteAfterSeconds: 0,
})

const upgrading = (): Error =>
  badRequest('Upgrading from non-versioned to versioned data. This mount answers again as soon as that is done; try again shortly.')

/** The settings of the mount. Throws `bad_request` while it is being converted from version 1. */
export async function readMount(store: Transaction): Promise<MountSettings> {
  const mount = await mounts.read(store)
  if (mount === null || mount.state === 'converting') throw upgrading()
  return mount
}

/**
 * For version 1: throws as soon as the conversion to version 2 has begun. A write that looked here before fails at its commit, because
 * the conversion begins with writing this record; so nothing can be written behind its back.
 */
export async function checkUnconverted(store: Transaction): Promise<void> {
  if ((await mounts.read(store)) !== null) throw upgrading()
}

/** The secret at a path, or `null`. Throws `bad_request` where the conversion of the mount has not come to it yet. */
export async function findSecret(store: Transaction, path: string): Promise<SecretRecord | null> {
  const found = path === '' || path.endsWith('/') ? null : await secrets.read(store, path)
  if (found === null) await readMount(store)
  return found
}

/** 96 random bits, 16 characters: for secrets and for versions. */
export const newId = (random: (bytes: number) => Uint8Array): string => Buffer.from(random(12)).toString('base64url')

export const valueKey = (id: string, slot: number): string => `.versions/${id}/${slot}`

interface StoredValue {
  readonly number: number
  readonly json: JsonText
}

/** `NUMBER\n` and the JSON, since a slot has the data of one version after the other. Up to form 2 of the data, and from version 1, only the JSON of the version whose number is the slot. */
export function decodeValue(text: string, slot: number): StoredValue {
  if (text.startsWith('{')) return { number: slot, json: new JsonText(text) }
  const end = text.indexOf('\n')
  return { number: Number(text.slice(0, end)), json: new JsonText(text.slice(end + 1)) }
}

/**
 * The data of a version, once decoded for as long as the store hands out the same entry. Throws `Conflict` when they were removed after
 * their secret was read, or made place for those of a later version: whoever reads begins again.
 */
export async function readValue(store: Transaction, path: string, { id }: SecretRecord, { number, slot }: VersionRecord): Promise<JsonText> {
  const key = valueKey(id, slot)
  const entry = await store.get(key)
  // To open what is very large took as long as others should wait, and to decode it takes as long again.
  if (entry !== null && entry.value.length > longJsonText) await nextTurn()
  const found = entry === null ? null : decodeOnce(entry, (text) => decodeValue(text, slot))
  if (found?.number === number) return found.json
  const now = await secrets.read(store, path)
  const isLost = now?.id === id && now.versions.some((version) => version.number === number && version.state === 'live')
  throw isLost ? internal(`version ${number} of secret ${id} has no data`) : new Conflict(key)
}

/** Gives way to others while it writes out data of many megabytes. */
export async function writeValue(store: Transaction, id: string, { number, slot }: VersionRecord, data: JsonObject): Promise<void> {
  store.put(valueKey(id, slot), await encodeBytes(`${number}\n`, data))
}

export const removeValue = (store: Transaction, id: string, { slot }: VersionRecord): void => store.delete(valueKey(id, slot))
