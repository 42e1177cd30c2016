/** Details of a connection, as all drivers read them: whatever clients send, with the coercions that Vault has for it. */
import { badRequest } from '../../kit/errors.ts'
import { parseDuration } from '../../kit/duration.ts'
import { flag, integer, text, type Field } from '../../kit/fields.ts'
import type { JsonObject } from '../../kit/json.ts'

function read<T>(details: JsonObject, name: string, field: Field<T>, fallback: T): T {
  const raw = Object.hasOwn(details, name) ? details[name] : undefined
  if (raw === undefined || raw === null) return fallback
  try {
    return field.parse(raw)
  } catch (cause) {
    throw badRequest(`error creating database object: ${name}: ${cause instanceof Error ? cause.message : 'unusable'}`, { cause })
  }
}

export const textDetail = (details: JsonObject, name: string, fallback = ''): string => read(details, name, text(''), fallback)
export const flagDetail = (details: JsonObject, name: string): boolean => read(details, name, flag(''), false)
export const countDetail = (details: JsonObject, name: string, fallback: number): number => read(details, name, integer(''), fallback)

/** Seconds. */
function secondsDetail(details: JsonObject, name: string, fallback: number): number {
  const raw = Object.hasOwn(details, name) ? details[name] : undefined
  if (raw === undefined || raw === null || raw === '') return fallback
  try {
    const seconds = parseDuration(raw)
    if (seconds >= 0) return seconds
  } catch {
    // Said below, as for a negative one.
  }
  throw badRequest(`error creating database object: invalid ${name}: not a duration`)
}

export interface Limits {
  readonly openMax: number
  readonly idleMax: number
  /** Seconds that a connection is used for; 0: any time. */
  readonly lifetimeSeconds: number
  /** Seconds for a connection to be there, and for one operation on it. */
  readonly connectSeconds: number
  readonly operationSeconds: number
}

const openMost = 512
const secondsMost = 600

/** Throws `bad_request`. */
export function limitsOf(details: JsonObject): Limits {
  const openMax = Math.min(countDetail(details, 'max_open_connections', 0) || 4, openMost)
  if (openMax < 0) throw badRequest('error creating database object: max_open_connections cannot be negative')
  const idle = countDetail(details, 'max_idle_connections', 0)
  const within = (name: string, fallback: number): number => Math.min(Math.max(1, secondsDetail(details, name, fallback)), secondsMost)
  return {
    openMax,
    idleMax: idle === 0 ? openMax : Math.min(Math.max(0, idle), openMax),
    lifetimeSeconds: secondsDetail(details, 'max_connection_lifetime', 0),
    connectSeconds: within('connect_timeout', 5),
    operationSeconds: within('operation_timeout', 20),
  }
}

/** All that one operation may take: waiting for a connection, opening one, working on it. */
export const withinOf = ({ connectSeconds, operationSeconds }: Limits): number => 2 * connectSeconds + operationSeconds

/** `{{username}}` and `{{password}}` of a connection URL, escaped for it unless that is switched off. */
export function fillUrl(url: string, login: { readonly username: string; readonly password: string }, escape: (text: string) => string): string {
  return url.replaceAll('{{username}}', () => escape(login.username)).replaceAll('{{password}}', () => escape(login.password))
}

/** Throws `bad_request` for what would be filled in a second time. */
export function checkLogin(details: JsonObject): { readonly username: string; readonly password: string } {
  const [username, password] = [textDetail(details, 'username'), textDetail(details, 'password')]
  if (/\{\{(?:username|password)\}\}/.test(username + password)) throw badRequest('error creating database object: username and/or password cannot contain the template variables')
  return { username, password }
}

/** Throws `bad_request` with Vault's text. */
export function urlDetail(details: JsonObject): string {
  const url = textDetail(details, 'connection_url')
  if (url === '') throw badRequest('error creating database object: connection_url cannot be empty')
  return url
}
