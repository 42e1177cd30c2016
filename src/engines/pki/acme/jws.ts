/** JSON Web Signatures as ACME uses them (RFC 7515, RFC 8555 §6.2): flattened, with `nonce` and `url` in the protected header. */
import { createHash, createHmac, createPublicKey, timingSafeEqual, verify, type JsonWebKey, type KeyObject } from 'node:crypto'
import { isJsonObject } from '../../../kit/fields.ts'
import { parseJson, type Json, type JsonObject } from '../../../kit/json.ts'
import { AcmeProblem, malformed } from './problem.ts'

export interface Jws {
  readonly protectedText: string
  readonly payloadText: string
  readonly signature: Buffer
  readonly header: JsonObject
  /** Null: the empty payload of POST-as-GET (RFC 8555 §6.3). */
  readonly payload: JsonObject | null
}

const isBase64Url = (text: string): boolean => /^[\w-]*$/.test(text) && text.length % 4 !== 1

function objectOf(text: string, what: string): JsonObject {
  let value: Json = null
  try {
    value = parseJson(Buffer.from(text, 'base64url').toString('utf8'))
  } catch {
    throw malformed(`failed to json unmarshal '${what}': invalid JSON`)
  }
  if (!isJsonObject(value)) throw malformed(`failed to json unmarshal '${what}': not an object`)
  return value
}

/** Throws problems. The signature is not checked here. */
export function parseJws(body: JsonObject | null, hasPayload = true): Jws {
  const part = (name: 'protected' | 'payload' | 'signature'): string => {
    const value = body?.[name]
    if (value === undefined || value === null) throw malformed(`missing required field '${name}'`)
    if (typeof value !== 'string' || !isBase64Url(value)) throw malformed(`failed to base64 parse '${name}'`)
    return value
  }
  const protectedText = part('protected')
  const header = objectOf(protectedText, 'protected')
  const payloadText = part('payload')
  const signature = Buffer.from(part('signature'), 'base64url')
  if (body !== null && Object.hasOwn(body, 'header')) throw malformed('unprotected headers are not allowed')
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) throw malformed("'crit' and 'b64' are not supported")
  return { protectedText, payloadText, signature, header, payload: payloadText === '' || !hasPayload ? null : objectOf(payloadText, 'payload') }
}

export interface PublicJwk {
  readonly jwk: JsonObject
  readonly key: KeyObject
  /** RFC 7638, base64url. */
  readonly thumbprint: string
}

const members: Readonly<Record<string, readonly string[]>> = { RSA: ['e', 'kty', 'n'], EC: ['crv', 'kty', 'x', 'y'], OKP: ['crv', 'kty', 'x'] }

/** A public key of a kind and size that accounts may have. Throws problems. */
export function readJwk(given: Json | undefined): PublicJwk {
  if (!isJsonObject(given)) throw new AcmeProblem('badPublicKey', 'the JWK is not an object')
  const names = typeof given['kty'] === 'string' && Object.hasOwn(members, given['kty']) ? members[given['kty']] : undefined
  if (names === undefined || Object.hasOwn(given, 'd')) throw new AcmeProblem('badPublicKey', 'the JWK is not a public RSA, EC or Ed25519 key')
  const jwk: Record<string, string> = {}
  for (const name of names) {
    const value = given[name]
    if (typeof value !== 'string' || !/^[\w-]{1,1400}$/.test(value)) throw new AcmeProblem('badPublicKey', `the JWK has no usable "${name}"`)
    jwk[name] = value
  }
  return { jwk, key: keyOf(jwk), thumbprint: createHash('sha256').update(JSON.stringify(jwk)).digest('base64url') }
}

function keyOf(jwk: Readonly<Record<string, string>>): KeyObject {
  try {
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
    const bits = key.asymmetricKeyDetails?.modulusLength
    if (bits === undefined || (bits >= 2048 && bits <= 8192)) return key
  } catch {
    // told below
  }
  throw new AcmeProblem('badPublicKey', 'the JWK is not a key that can be used: RSA needs 2048 to 8192 bits')
}

interface Algorithm {
  readonly kty: string
  readonly crv?: string
  readonly digest: string | null
}

const algorithms: Readonly<Record<string, Algorithm>> = {
  RS256: { kty: 'RSA', digest: 'sha256' }, ES256: { kty: 'EC', crv: 'P-256', digest: 'sha256' }, ES384: { kty: 'EC', crv: 'P-384', digest: 'sha384' },
  ES512: { kty: 'EC', crv: 'P-521', digest: 'sha512' }, EdDSA: { kty: 'OKP', crv: 'Ed25519', digest: null },
}

/** Throws problems unless the signature is one of this key, by an algorithm that is meant for it. */
export function checkSignature({ protectedText, payloadText, signature, header }: Jws, { jwk, key }: PublicJwk): void {
  const name = header['alg']
  const algorithm = typeof name === 'string' && Object.hasOwn(algorithms, name) ? algorithms[name] : undefined
  if (algorithm === undefined) throw new AcmeProblem('badSignatureAlgorithm', 'supported algorithms: RS256, ES256, ES384, ES512, EdDSA')
  if (algorithm.kty !== jwk['kty'] || (algorithm.crv !== undefined && algorithm.crv !== jwk['crv'])) throw new AcmeProblem('badSignatureAlgorithm', 'the algorithm does not fit the key')
  const data = Buffer.from(`${protectedText}.${payloadText}`)
  if (!isValid(algorithm.digest, data, key, signature)) throw malformed('the signature is not valid')
}

function isValid(digest: string | null, data: Buffer, key: KeyObject, signature: Buffer): boolean {
  try {
    return verify(digest, data, { key, dsaEncoding: 'ieee-p1363' }, signature)
  } catch {
    return false
  }
}

/** Whether a JWS was made with this secret by HMAC-SHA256: external account bindings (RFC 8555 §7.3.4). */
export function isMadeWith({ protectedText, payloadText, signature, header }: Jws, secret: Buffer): boolean {
  if (header['alg'] !== 'HS256') return false
  const mac = createHmac('sha256', secret).update(`${protectedText}.${payloadText}`).digest()
  return mac.length === signature.length && timingSafeEqual(mac, signature)
}
