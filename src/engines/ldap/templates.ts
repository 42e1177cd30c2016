/** LDIF and names of users that are made by templates, in Go's language with Vault's functions. */
import { parseNameTemplate, plainName, templateFunctions } from '../../crypto/name-template.ts'
import { badRequest } from '../../kit/errors.ts'
import type { CallerView } from '../../kit/operation.ts'
import { compileTemplate } from '../../kit/template/template.ts'
import { print } from '../../kit/template/print.ts'
import { formatTime } from '../../kit/time.ts'
import { parseLdif, type LdifChange } from './ldif.ts'

const usualUsername = 'v_{{.DisplayName}}_{{.RoleName}}_{{random 10}}_{{unix_time}}'
const nameFields = ['DisplayName', 'RoleName'] as const

/** What an LDIF is filled with; kept with the lease, so that it can be filled the same way when it ends. */
export interface Filling {
  readonly [key: string]: unknown
  readonly username: string
  readonly displayName: string
  readonly role: string
  /** Milliseconds since 1970. */
  readonly issuedAt: number
  readonly expiresAt: number
}

/** As bytes of UTF-16, little-endian. Only what can be a text again is taken. */
function utf16le(text: string): string {
  if (/[^\0-\x7f]/.test(text)) throw new Error('utf16le takes letters of ASCII only')
  return Buffer.from(text, 'utf16le').toString('latin1')
}

const limits = { outputMax: 1024 * 1024 }

/** Throws `bad_request` that names the field. */
function fill(field: string, template: string, { username, displayName, role, issuedAt, expiresAt }: Filling, password: string, random: (bytes: number) => Uint8Array): readonly LdifChange[] {
  const data = {
    Username: username, Password: password, DisplayName: displayName, RoleName: role, IssueTime: formatTime(issuedAt), IssueTimeSeconds: BigInt(Math.floor(issuedAt / 1000)),
    ExpirationTime: formatTime(expiresAt), ExpirationTimeSeconds: BigInt(Math.floor(expiresAt / 1000)),
  }
  const given = [...templateFunctions(issuedAt, random)].map(([name, work]) => [name, (...args: readonly unknown[]) => work(...args.map((arg) => print([arg as never])))])
  const functions = { ...Object.fromEntries(given), utf16le: (text: unknown) => utf16le(print([text as never])) }
  try {
    return parseLdif(compileTemplate(template, { functions, ...limits }).render(new Map(Object.entries(data))))
  } catch (error) {
    throw badRequest(`invalid ${field}: ${error instanceof Error ? error.message : 'unusable'}`, { cause: error })
  }
}

/** An LDIF takes blanks around a value away, and a line end begins another line. */
export function checkPassword(password: string): void {
  // oxlint-disable-next-line no-control-regex
  if (/^ | $|[\u0000-\u001f]/.test(password)) throw badRequest('a password that begins or ends with a blank, or holds a control character, cannot stand in LDIF: change the password policy')
}

export const fillCreation = (template: string, filling: Filling, password: string, random: (bytes: number) => Uint8Array): readonly LdifChange[] => fill('creation_ldif', template, filling, password, random)
/** The password is not kept, and is empty here. */
export const fillDeletion = (template: string, filling: Filling, field: 'deletion_ldif' | 'rollback_ldif' = 'deletion_ldif'): readonly LdifChange[] => fill(field, template, filling, '', (bytes) => new Uint8Array(bytes))

const sample: Filling = Object.freeze({ username: 'testuser', displayName: 'testdisplayname', role: 'testrolename', issuedAt: 1e12, expiresAt: 1e12 })

/** Throws `bad_request`. */
export function checkTemplates({ creation, deletion, rollback, usernameTemplate }: { readonly creation: string; readonly deletion: string; readonly rollback: string; readonly usernameTemplate: string }): void {
  if (creation === '') throw badRequest('missing creation_ldif')
  if (deletion === '') throw badRequest('missing deletion_ldif')
  fillCreation(creation, sample, 'testpass', (bytes) => new Uint8Array(bytes))
  fillDeletion(deletion, sample)
  if (rollback !== '') fillDeletion(rollback, sample, 'rollback_ldif')
  if (usernameTemplate !== '') parseNameTemplate(usernameTemplate, nameFields)
}

/** Throws `bad_request`. */
export function makeUsername(template: string, { role, caller, now, random }: { readonly role: string; readonly caller: CallerView | null; readonly now: number; readonly random: (bytes: number) => Uint8Array }): string {
  return parseNameTemplate(template || usualUsername, nameFields)({ fields: { DisplayName: plainName(caller?.displayName ?? ''), RoleName: role.replaceAll('/', '-') }, now, random })
}
