/** Numbers of PKCS #11 2.40 and 3.0 (OASIS, "Cryptographic Token Interface Base Specification" and "Current Mechanisms"), as far as they are used here. */

export const attributes = {
  class: 0x000, token: 0x001, private: 0x002, label: 0x003, keyType: 0x100, id: 0x102, sensitive: 0x103, encrypt: 0x104, decrypt: 0x105, sign: 0x108, verify: 0x10a,
  modulus: 0x120, modulusBits: 0x121, publicExponent: 0x122, valueLength: 0x161, extractable: 0x162, ecParams: 0x180, ecPoint: 0x181,
} as const

export const classes = { public: 2, private: 3, secret: 4 } as const

export const keyTypes = { rsa: 0x00, ec: 0x03, generic: 0x10, aes: 0x1f, edwards: 0x40 } as const

export const mechanisms = {
  rsaKeyGeneration: 0x0000, rsaPkcs: 0x0001, rsaOaep: 0x0009, rsaPss: 0x000d, genericKeyGeneration: 0x0350, sha256Hmac: 0x0251, sha384Hmac: 0x0261, sha512Hmac: 0x0271,
  ecKeyGeneration: 0x1040, ecdsa: 0x1041, edwardsKeyGeneration: 0x1055, eddsa: 0x1057, aesKeyGeneration: 0x1080, aesCbcPad: 0x1085, aesGcm: 0x1087,
} as const

/** By the name that hashes have in configurations: the hash, and the mask generation function over it. */
export const hashes = {
  sha1: { mechanism: 0x220, mask: 1 }, sha224: { mechanism: 0x255, mask: 5 }, sha256: { mechanism: 0x250, mask: 2 }, sha384: { mechanism: 0x260, mask: 3 }, sha512: { mechanism: 0x270, mask: 4 },
} as const
export type HashName = keyof typeof hashes

export const flags = { serialSession: 4, readWriteSession: 2, osLocking: 2 } as const
/** Of a token: how it is about the PIN of its user. */
export const pinFlags = { finalTry: 0x20000, locked: 0x40000 } as const
export const userKinds = { user: 1 } as const

/** Names of what functions return; what is not here is shown as a number. */
const codes: readonly (readonly [number, string])[] = [
  [0x001, 'CANCEL'], [0x002, 'HOST_MEMORY'], [0x003, 'SLOT_ID_INVALID'], [0x005, 'GENERAL_ERROR'], [0x006, 'FUNCTION_FAILED'], [0x007, 'ARGUMENTS_BAD'], [0x010, 'ATTRIBUTE_READ_ONLY'],
  [0x011, 'ATTRIBUTE_SENSITIVE'], [0x012, 'ATTRIBUTE_TYPE_INVALID'], [0x013, 'ATTRIBUTE_VALUE_INVALID'], [0x01b, 'ACTION_PROHIBITED'], [0x020, 'DATA_INVALID'], [0x021, 'DATA_LEN_RANGE'],
  [0x030, 'DEVICE_ERROR'], [0x031, 'DEVICE_MEMORY'], [0x032, 'DEVICE_REMOVED'], [0x040, 'ENCRYPTED_DATA_INVALID'], [0x041, 'ENCRYPTED_DATA_LEN_RANGE'], [0x050, 'FUNCTION_CANCELED'],
  [0x054, 'FUNCTION_NOT_SUPPORTED'], [0x060, 'KEY_HANDLE_INVALID'], [0x062, 'KEY_SIZE_RANGE'], [0x063, 'KEY_TYPE_INCONSISTENT'], [0x068, 'KEY_FUNCTION_NOT_PERMITTED'],
  [0x070, 'MECHANISM_INVALID'], [0x071, 'MECHANISM_PARAM_INVALID'], [0x082, 'OBJECT_HANDLE_INVALID'], [0x090, 'OPERATION_ACTIVE'], [0x091, 'OPERATION_NOT_INITIALIZED'], [0x0a0, 'PIN_INCORRECT'],
  [0x0a1, 'PIN_INVALID'], [0x0a2, 'PIN_LEN_RANGE'], [0x0a3, 'PIN_EXPIRED'], [0x0a4, 'PIN_LOCKED'], [0x0b0, 'SESSION_CLOSED'], [0x0b1, 'SESSION_COUNT'], [0x0b3, 'SESSION_HANDLE_INVALID'],
  [0x0b5, 'SESSION_READ_ONLY'], [0x0c0, 'SIGNATURE_INVALID'], [0x0d0, 'TEMPLATE_INCOMPLETE'], [0x0d1, 'TEMPLATE_INCONSISTENT'], [0x0e0, 'TOKEN_NOT_PRESENT'], [0x0e1, 'TOKEN_NOT_RECOGNIZED'],
  [0x0e2, 'TOKEN_WRITE_PROTECTED'], [0x101, 'USER_NOT_LOGGED_IN'], [0x102, 'USER_PIN_NOT_INITIALIZED'], [0x130, 'DOMAIN_PARAMS_INVALID'], [0x190, 'CRYPTOKI_NOT_INITIALIZED'],
]
const codeNames: ReadonlyMap<number, string> = new Map(codes)

export const alreadyLoggedIn = 0x100
/** It has no locks of the system. */
export const cannotLock = 0x00a
/** Another user of the same library in this process was first. */
export const alreadyInitialized = 0x191

export const codeName = (code: number): string => `CKR_${codeNames.get(code) ?? `0x${code.toString(16)}`}`

const numbersOf = (...names: readonly string[]): ReadonlySet<number> => new Set(codes.filter(([, name]) => names.includes(name)).map(([code]) => code))

/** The PIN is wrong or of no use: to try it again could lock the token. */
export const pinCodes = numbersOf('PIN_INCORRECT', 'PIN_INVALID', 'PIN_LEN_RANGE', 'PIN_EXPIRED', 'PIN_LOCKED', 'USER_PIN_NOT_INITIALIZED')
/** What was given to be decrypted is not of this key, or was changed. */
export const foreignCodes = numbersOf('ENCRYPTED_DATA_INVALID', 'ENCRYPTED_DATA_LEN_RANGE', 'DATA_INVALID', 'DATA_LEN_RANGE', 'SIGNATURE_INVALID')
/** It lies at what was asked, not at the token: a new session would say the same. */
export const refusalCodes = numbersOf(
  'ARGUMENTS_BAD', 'ATTRIBUTE_READ_ONLY', 'ATTRIBUTE_SENSITIVE', 'ATTRIBUTE_TYPE_INVALID', 'ATTRIBUTE_VALUE_INVALID', 'ACTION_PROHIBITED', 'FUNCTION_NOT_SUPPORTED', 'KEY_SIZE_RANGE',
  'KEY_TYPE_INCONSISTENT', 'KEY_FUNCTION_NOT_PERMITTED', 'MECHANISM_INVALID', 'MECHANISM_PARAM_INVALID', 'SESSION_READ_ONLY', 'TEMPLATE_INCOMPLETE', 'TEMPLATE_INCONSISTENT',
  'TOKEN_WRITE_PROTECTED', 'DOMAIN_PARAMS_INVALID',
)
