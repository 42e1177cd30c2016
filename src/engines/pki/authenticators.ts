/** Which auth methods prove who asks, in protocols whose clients have no tokens. */
import { badRequest } from '../../kit/errors.ts'
import { isJsonObject } from '../../kit/fields.ts'
import { parseJson, type Json, type JsonObject } from '../../kit/json.ts'
import type { Admission, BasicCredentials } from '../../kit/operation.ts'

export interface Authenticators {
  /** A method that looks at the client's certificate; `cert_role` '' where it chooses the role itself. */
  readonly cert?: { readonly accessor: string; readonly cert_role: string }
  readonly userpass?: { readonly accessor: string }
}

const accessorShape = /^auth_[a-z0-9_-]+_[0-9a-f]{4,16}$/

/** Throws `bad_request` naming the part. `given`: an object, or the JSON text of one, as the command line sends it. */
export function parseAuthenticators(given: Json): Authenticators {
  const parts = asObject(given)
  const unknown = Object.keys(parts).find((name) => name !== 'cert' && name !== 'userpass')
  if (unknown !== undefined) throw badRequest(`authenticators: ${JSON.stringify(unknown)} is not supported; cert and userpass are`)
  const cert = partOf(parts, 'cert', ['accessor', 'cert_role'])
  const userpass = partOf(parts, 'userpass', ['accessor'])
  return {
    ...(cert === null ? {} : { cert: { accessor: accessorOf(cert, 'cert'), cert_role: cert['cert_role'] ?? '' } }),
    ...(userpass === null ? {} : { userpass: { accessor: accessorOf(userpass, 'userpass') } }),
  }
}

function asObject(given: Json): JsonObject {
  const value = typeof given === 'string' ? parsed(given) : given
  if (!isJsonObject(value)) throw badRequest('authenticators must be an object')
  return value
}

function parsed(text: string): Json {
  try {
    return parseJson(text)
  } catch (cause) {
    throw badRequest('authenticators is not valid JSON', { cause })
  }
}

function partOf(parts: JsonObject, name: string, known: readonly string[]): Readonly<Record<string, string>> | null {
  const part = Object.hasOwn(parts, name) ? parts[name] : null
  if (part === null || part === undefined) return null
  if (!isJsonObject(part)) throw badRequest(`authenticators.${name} must be an object`)
  for (const [key, value] of Object.entries(part)) {
    if (!known.includes(key)) throw badRequest(`authenticators.${name}: unknown field ${JSON.stringify(key)}`)
    if (typeof value !== 'string') throw badRequest(`authenticators.${name}.${key} must be a text`)
  }
  return part as Readonly<Record<string, string>>
}

function accessorOf(part: Readonly<Record<string, string>>, name: string): string {
  const accessor = part['accessor'] ?? ''
  if (!accessorShape.test(accessor)) throw badRequest(`authenticators.${name}.accessor must be the accessor of an auth mount`)
  return accessor
}

/** Names that are one part of a path, as `nameText` takes them. */
const userShape = /^\w(?:[\w.-]*\w)?$/

/** What a request brings for these: a password goes before a certificate. Null where it brings nothing that is asked for. */
export function admissionBy({ cert, userpass }: Authenticators, basic: BasicCredentials | null, hasCertificate: boolean): Admission | null {
  if (userpass !== undefined && basic !== null) {
    return userShape.test(basic.username) ? { by: 'login', accessor: userpass.accessor, path: `login/${basic.username}`, data: { password: basic.password } } : null
  }
  if (cert === undefined || !hasCertificate) return null
  return { by: 'login', accessor: cert.accessor, path: 'login', data: cert.cert_role === '' ? {} : { name: cert.cert_role } }
}
