/**
 * Several automatic seals as one. Each wraps the root key by itself, under its name, and any of them opens it: a region, a cloud or an HSM can be lost. Copies are
 * added and removed while the server runs, which is also how a store moves from one seal to another.
 */
import { badRequest } from '../../kit/errors.ts'
import { parseJson } from '../../kit/json.ts'
import { keyFileType } from './key-file.ts'
import { SealUnreachable, type Seal } from './seal.ts'

export interface NamedSeal {
  /** Names the copy: another key of the same service needs another name. */
  readonly name: string
  readonly seal: Seal
}

interface Copy {
  readonly name: string
  readonly type: string
  readonly wrapped: Buffer
}

/** What a rewrapping has led to. */
export interface Rewrapped {
  /** Null: nothing is to be written. */
  readonly wrapped: Uint8Array | null
  /** Names of the seals that could not be asked for a copy that is due. */
  readonly missing: readonly string[]
}

export interface SeveralSeals extends Seal {
  /** Copies for the seals that are configured and have none of their present key, without those of seals that are not configured any more. The same root key as before. */
  rewrap(rootKey: Uint8Array, wrapped: Uint8Array): Promise<Rewrapped>
  /** Keeps the credentials of the seals alive. Resolves with when to be called again, in seconds; null: never. */
  renew(): Promise<number | null>
}

const magic = 'coffer seals 1\n'

function encodeCopies(copies: readonly Copy[]): Buffer {
  const [only] = copies
  // A key file alone is kept as it always was.
  if (copies.length === 1 && only?.type === keyFileType) return only.wrapped
  return Buffer.from(magic + JSON.stringify(copies.map(({ name, type, wrapped }) => ({ name, type, wrapped: wrapped.toString('base64') }))))
}

/** The copies of a wrapped root key. One that is wrapped by a single seal, which is of `type` then, is the only one; damaged ones are none. */
export function copiesIn(wrapped: Uint8Array, type: string = keyFileType): readonly Copy[] {
  const text = Buffer.from(wrapped).toString('latin1')
  if (!text.startsWith(magic)) return [{ name: type, type, wrapped: Buffer.from(wrapped) }]
  try {
    const stored = parseJson(text.slice(magic.length)) as unknown as readonly { readonly name: string; readonly type: string; readonly wrapped: string }[]
    return stored.map((copy) => ({ name: copy.name, type: copy.type, wrapped: Buffer.from(copy.wrapped, 'base64') }))
  } catch {
    return []
  }
}

/** Which copies a seal may open: its own, and, as a key file has no name of its own in old records, any of a key file. */
const isFor = ({ name, seal: { type } }: NamedSeal, copy: Copy): boolean => copy.type === type && (copy.name === name || type === keyFileType)

/** The first is the one that the server shows, and the first that is asked. Throws 'bad_request' for none, or two of one name. */
export function severalSeals(seals: readonly NamedSeal[]): SeveralSeals {
  const [first] = seals
  if (first === undefined) throw badRequest('there is no seal')
  const twice = seals.find(({ name }, i) => seals.findIndex((other) => other.name === name) !== i)
  if (twice !== undefined) throw badRequest(`two seals have the name ${JSON.stringify(twice.name)}`)
  const copyOf = async ({ name, seal }: NamedSeal, rootKey: Uint8Array): Promise<Copy> => ({ name, type: seal.type, wrapped: Buffer.from(await seal.wrap(rootKey)) })
  return Object.freeze({
    type: first.seal.type,
    isAutomatic: true,
    opens: (type: string, wrapped: Uint8Array) => copiesIn(wrapped, type).some((copy) => seals.some((own) => isFor(own, copy))),
    wrap: async (rootKey: Uint8Array) => encodeCopies(await Promise.all(seals.map((own) => copyOf(own, rootKey)))),
    unwrap: (wrapped: Uint8Array) => unwrapByAny(seals, copiesIn(wrapped)),
    rewrap: (rootKey: Uint8Array, wrapped: Uint8Array) => rewrapped(seals, copiesIn(wrapped), (own) => copyOf(own, rootKey)),
    renew: () => renewAll(seals),
  })
}

/** One after the other; one that cannot be reached only counts when no other one opens it. */
async function unwrapByAny(seals: readonly NamedSeal[], copies: readonly Copy[]): Promise<Buffer | null> {
  let failure: SealUnreachable | null = null
  for (const own of seals) {
    for (const copy of copies.filter((candidate) => isFor(own, candidate))) {
      try {
        const rootKey = await own.seal.unwrap(copy.wrapped)
        if (rootKey !== null) return rootKey
      } catch (error) {
        if (!(error instanceof SealUnreachable)) throw error
        failure ??= error
      }
    }
  }
  if (failure !== null) throw failure
  return null
}

async function rewrapped(seals: readonly NamedSeal[], before: readonly Copy[], copyOf: (own: NamedSeal) => Promise<Copy>): Promise<Rewrapped> {
  const found = await Promise.all(seals.map(async (own) => {
    const kept = before.find((copy) => isFor(own, copy))
    const named = kept === undefined ? null : { ...kept, name: own.name }
    if (named !== null && own.seal.isCurrent?.(named.wrapped) !== false) return { copy: named, isDue: false }
    return await copyOf(own).then((copy) => ({ copy, isDue: false }), (error: unknown) => {
      if (error instanceof SealUnreachable) return { copy: named, isDue: true }
      throw error
    })
  }))
  const copies = found.map(({ copy }) => copy).filter((copy) => copy !== null)
  const missing = seals.filter((_, i) => found[i]?.isDue === true).map(({ name }) => name)
  const isSame = copies.length === before.length && copies.every(({ name, wrapped }, i) => before[i]?.name === name && before[i]?.wrapped.equals(wrapped))
  return { wrapped: isSame || copies.length === 0 ? null : encodeCopies(copies), missing }
}

/** The soonest of all; what fails is tried again soon. */
async function renewAll(seals: readonly NamedSeal[]): Promise<number | null> {
  const due = await Promise.all(seals.map(async ({ seal }) => await seal.renew?.().catch(() => retrySeconds) ?? null))
  const times = due.filter((seconds) => seconds !== null)
  return times.length === 0 ? null : Math.min(...times)
}

const retrySeconds = 30
