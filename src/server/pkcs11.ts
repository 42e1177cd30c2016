/** From what the configuration says of tokens of PKCS #11 to the tokens themselves: names and numbers as Vault and OpenBao write them. */
import { pkcs11Seal } from '../barrier/seals/pkcs11.ts'
import type { Seal } from '../barrier/seals/seal.ts'
import type { TokenSource } from '../core/managed-keys/tokens.ts'
import { wrapMechanisms, type KeyName, type TokenSettings, type WrapMechanism } from '../crypto/pkcs11/messages.ts'
import { parseKeyId, parseSlot } from '../crypto/pkcs11/names.ts'
import { hashes, mechanisms, type HashName } from '../crypto/pkcs11/numbers.ts'
import { Token } from '../crypto/pkcs11/token.ts'
import { ConfigError } from './config/entries.ts'
import type { KmsLibrary } from './config/config.ts'
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
  const hex = parseKeyId(id ?? '')
  if (hex === null) throw refuse(`${idKey}: expected an even number of hex digits`)
  return (label ?? '') === '' && hex === '' ? null : { label: label ?? '', id: hex }
}

function slotOf(written: string): string {
  const slot = parseSlot(written)
  if (slot === null) throw refuse('slot: expected a number')
  return slot
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

/** More of them than managed keys there can be are those of definitions that were changed. */
const tokensMax = 200

/** The tokens that managed keys are in: one for each library, slot or label, and PIN that is asked for. */
export function tokenSource(configured: readonly KmsLibrary[]): TokenSource {
  const tokens = new Map<string, Token>()
  const closeAll = (): void => {
    for (const token of tokens.values()) token.close()
    tokens.clear()
  }
  const open = (name: string, settings: Omit<TokenSettings, 'library'>): Token | null => {
    const library = configured.find((one) => one.name === name)?.library
    if (library === undefined) return null
    const key = JSON.stringify([library, settings.slot, settings.label, settings.pin, settings.isReadOnly])
    const known = tokens.get(key)
    if (known !== undefined) return known
    if (tokens.size >= tokensMax) closeAll()
    const made = new Token({ ...settings, library }, realEnvironment())
    tokens.set(key, made)
    return made
  }
  return { libraries: configured.map(({ name }) => name), open, close: closeAll }
}
