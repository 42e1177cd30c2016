/** Wrapping tokens in the form of a JWT (RFC 7519, ES256 replaced by HS256: only this server ever reads them), for clients that ask for it. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { parseJson } from '../../kit/json.ts'
import type { Base } from '../base.ts'
import type { MadeToken } from './create.ts'

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const sign = (base: Base, text: string): Buffer => createHmac('sha256', base.barrier.subkey('wrapping-jwt')).update(text).digest()

export function wrapAsJwt(base: Base, { id, record }: MadeToken): string {
  const iat = Math.floor(record.createdAt / 1000)
  const head = encode({ alg: 'HS256', typ: 'JWT' })
  const claims = encode({ accessor: record.accessor, addr: base.settings.apiAddress, exp: iat + record.ttl, iat, jti: id, type: 'wrapping' })
  return `${head}.${claims}.${sign(base, `${head}.${claims}`).toString('base64url')}`
}

/** The wrapping token inside a JWT of ours; any other text comes back as it is. */
export function unwrapJwt(base: Base, token: string): string {
  const [head, claims, signature, ...more] = token.split('.')
  if (head === undefined || claims === undefined || signature === undefined || more.length > 0 || !head.startsWith('eyJ')) return token
  const given = Buffer.from(signature, 'base64url')
  const expected = sign(base, `${head}.${claims}`)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return token
  const { jti } = parseJson(Buffer.from(claims, 'base64url').toString('utf8')) as { jti?: unknown }
  return typeof jti === 'string' ? jti : token
}
