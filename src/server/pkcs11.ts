/** From what the configuration says of tokens of PKCS #11 to the tokens themselves: names and numbers as Vault and OpenBao write them. */
import { pkcs11Seal } from '../barrier/seals/pkcs11.ts'
import type { Seal } from '../barrier/seals/seal.ts'
import { wrapMechanisms, type KeyName, type WrapMechanism } from '../crypto/pkcs11/messages.ts'
import { hashes, mechanisms, type HashName } from '../crypto/pkcs11/numbers.ts'
import { Token } from '../crypto/pkcs11/token.ts'
import { ConfigError } from './config/entries.ts'
import type { Pkcs11Config } from './config/seals.ts'
import { realEnvironment } from './host.ts'

const refuse = (what: string): ConfigError => new ConfigError(`seal "pkcs11": ${what}`)

/** Asks no token yet. Throws `ConfigError`. */
export function openPkcs11(config: Pkcs11Config): Seal {
  const key = keyNamed(config.key_label, config.key_id, 'key_id')
  if (key === null) throw refuse('key_label is missing (or key_id)')
  const mechanism = mechanismOf(config.mechanism)
  const macKey = keyNamed(config.hmac_key_label, config.hmac_key_id, 'hmac_key_id')
  if (mechanism === 'AES_CBC_PAD' && macKey === null) throw refuse('hmac_key_label is missing (or hmac_key_id): AES_CBC_PAD proves nothing by itself')
  checkHmac(config.hmac_mechanism)
  const generates = ['true', '1', 't'].includes((config.generate_key ?? '').toLowerCase())
  const label = config.token_label
  const slot = config.slot === null ? null : slotOf(config.slot)
  if (slot === null && label === null) throw refuse('slot is missing (or token_label)')
  const token = new Token({ library: config.lib, slot, label, pin: config.pin, isReadOnly: !generates }, realEnvironment())
  return pkcs11Seal({ token, terms: { key, mechanism, macKey, oaepHash: hashOf(config.rsa_oaep_hash), encryptsInToken: config.disable_software_encryption, generates } })
}

/** Null: neither is there. Throws `ConfigError` for an id that is not hex. */
function keyNamed(label: string | null, id: string | null, idKey: string): KeyName | null {
  const hex = (id ?? '').replace(/^0x/i, '').toLowerCase()
  if (!/^(?:[0-9a-f]{2})*$/.test(hex)) throw refuse(`${idKey}: expected an even number of hex digits`)
  return (label ?? '') === '' && hex === '' ? null : { label: label ?? '', id: hex }
}

/** Decimal digits. Slots have numbers up to 2^64. */
function slotOf(written: string): string {
  const isNumber = /^(?:\d{1,20}|0x[0-9a-f]{1,16})$/i.test(written)
  if (!isNumber || BigInt(written) >= 2n ** 64n) throw refuse('slot: expected a number')
  return String(BigInt(written))
}

const byNumber: Readonly<Record<number, WrapMechanism>> = { [mechanisms.aesGcm]: 'AES_GCM', [mechanisms.rsaOaep]: 'RSA_PKCS_OAEP', [mechanisms.aesCbcPad]: 'AES_CBC_PAD' }

function mechanismOf(written: string | null): WrapMechanism | null {
  if (written === null || written === '') return null
  const named = wrapMechanisms.find((name) => name === written.toUpperCase().replace(/^CKM_/, ''))
  const found = named ?? (/^(?:\d{1,5}|0x[0-9a-f]{1,4})$/i.test(written) ? byNumber[Number(written)] : undefined)
  if (found === undefined) throw refuse(`mechanism: ${JSON.stringify(written)} is not one of ${wrapMechanisms.join(', ')}; what proves nothing of what it decrypts is not used`)
  return found
}

function checkHmac(written: string | null): void {
  const isKnown = written === null || written === '' || /^(?:CKM_)?SHA256_HMAC$/i.test(written) || (/^(?:\d{1,5}|0x[0-9a-f]{1,4})$/i.test(written) && Number(written) === mechanisms.sha256Hmac)
  if (!isKnown) throw refuse(`hmac_mechanism: ${JSON.stringify(written)} is not SHA256_HMAC`)
}

function hashOf(written: string | null): HashName {
  const name = (written ?? '').toLowerCase().replace('-', '') || 'sha256'
  if (!Object.hasOwn(hashes, name)) throw refuse(`rsa_oaep_hash: ${JSON.stringify(written)} is not one of ${Object.keys(hashes).join(', ')}`)
  return name as HashName
}
