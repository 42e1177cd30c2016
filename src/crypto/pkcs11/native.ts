/**
 * The functions of a PKCS #11 library, called through the package `koffi`. Structures are laid out here by hand, for systems on which a CK_ULONG is a word of 64 bits and
 * bytes are in little-endian order: Linux and macOS on the processors that Node runs on.
 */
import { endianness } from 'node:os'
import { TokenError } from './errors.ts'
import { alreadyInitialized, cannotLock, codeName, flags, foreignCodes, pinCodes, refusalCodes } from './numbers.ts'

interface Library {
  func(name: string, result: string, parameters: readonly string[]): (...values: readonly unknown[]) => number | bigint
}

/** As much of `koffi` as is used. */
interface Koffi {
  load(path: string, options: { readonly deep: boolean }): Library
  proto(result: string, parameters: readonly string[]): object
  call(pointer: bigint, prototype: object, ...values: readonly unknown[]): number | bigint
  view(pointer: bigint, bytes: number): ArrayBuffer
  address(bytes: Uint8Array): bigint
  sizeof(type: string): number
}

/** Places in CK_FUNCTION_LIST, and parameters: `n` a number, `b` a byte, `p` a pointer or null. */
const functions = {
  C_Initialize: [0, 'p'], C_Finalize: [1, 'p'], C_GetSlotList: [4, 'bpp'], C_GetTokenInfo: [6, 'np'], C_GetMechanismInfo: [8, 'nnp'], C_OpenSession: [12, 'nnppp'], C_Login: [18, 'nnpn'],
  C_GetAttributeValue: [24, 'nnpn'], C_FindObjectsInit: [26, 'npn'], C_FindObjects: [27, 'npnp'], C_FindObjectsFinal: [28, 'n'], C_EncryptInit: [29, 'npn'], C_Encrypt: [30, 'npnpp'],
  C_DecryptInit: [33, 'npn'], C_Decrypt: [34, 'npnpp'], C_SignInit: [42, 'npn'], C_Sign: [43, 'npnpp'], C_GenerateKey: [58, 'nppnp'], C_GenerateKeyPair: [59, 'nppnpnpp'],
} as const satisfies Readonly<Record<string, readonly [place: number, parameters: string]>>
export type FunctionName = keyof typeof functions

const types: Readonly<Record<string, string>> = { n: 'uint64', b: 'uint8', p: 'void *' }
const listed = 68
const word = 8

export type NativeValue = number | bigint | Uint8Array | null

export interface Native {
  /** What the function returned. Arrays are only lent. */
  readonly code: (name: FunctionName, ...values: readonly NativeValue[]) => number
  /** Throws `TokenError` unless it returned CKR_OK. */
  readonly call: (name: FunctionName, ...values: readonly NativeValue[]) => void
  readonly address: (bytes: Uint8Array) => bigint
  /** Held, because what nobody holds is unloaded, and its functions are gone. */
  readonly library: object
}

async function loadKoffi(): Promise<Koffi> {
  try {
    return ((await import('koffi')) as unknown as { readonly default: Koffi }).default
  } catch {
    throw new TokenError('refused', 'the package "koffi" is not installed: npm install koffi')
  }
}

/** Loads a library and initialises it, for this process. Throws `TokenError`. */
export async function openNative(library: string): Promise<Native> {
  const koffi = await loadKoffi()
  if (process.platform === 'win32' || koffi.sizeof('unsigned long') !== word || endianness() !== 'LE') throw new TokenError('refused', 'PKCS #11 is there for 64-bit Linux and macOS only')
  const { handle, list } = loadLibrary(koffi, library)
  const prototypes = new Map(Object.entries(functions).map(([name, [, letters]]) => [name, koffi.proto('uint64', [...letters].map((letter) => types[letter] ?? ''))]))
  const code: Native['code'] = (name, ...values) => Number(koffi.call(list.readBigUInt64LE(word + word * functions[name][0]), prototypes.get(name) ?? {}, ...values))
  const call: Native['call'] = (name, ...values) => check(name, code(name, ...values))
  // CK_C_INITIALIZE_ARGS: no mutexes of ours; the library may use those of the system.
  const initial = Buffer.alloc(6 * word)
  initial.writeBigUInt64LE(BigInt(flags.osLocking), 4 * word)
  const first = code('C_Initialize', initial)
  // This process has one thread that calls it, so a library without locks will do.
  const initialized = first === cannotLock ? code('C_Initialize', null) : first
  if (initialized !== alreadyInitialized) check('C_Initialize', initialized)
  return { code, call, address: (bytes) => koffi.address(bytes), library: handle }
}

/** The library, and a copy of its list of functions. */
function loadLibrary(koffi: Koffi, path: string): { readonly handle: Library; readonly list: Buffer } {
  const pointer = Buffer.alloc(word)
  try {
    // Its own libraries first: Node has an OpenSSL of its own in it, whose functions would else be taken for those that the library was made for.
    const handle = koffi.load(path, { deep: true })
    check('C_GetFunctionList', Number(handle.func('C_GetFunctionList', 'uint64', ['void *'])(pointer)))
    return { handle, list: Buffer.concat([new Uint8Array(koffi.view(pointer.readBigUInt64LE(), word * (listed + 1)))]) }
  } catch (error) {
    if (error instanceof TokenError) throw error
    throw new TokenError('away', `the library "${path}" cannot be loaded`)
  }
}

function check(name: string, code: number): void {
  if (code === 0) return
  const failure = pinCodes.has(code) ? 'pin' : foreignCodes.has(code) ? 'foreign' : refusalCodes.has(code) ? 'refused' : 'away'
  throw new TokenError(failure, `${name}: ${codeName(code)}`)
}
