/** What quotas are for: their path and role, as they are asked for and as they are kept. */
import type { Core } from '../../core/core.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, text } from '../../kit/fields.ts'

export const quotaPath = defaulted(text('A mount or folder, with `/` at its end; what paths begin with, with `*` at its end; one path; or empty: everything.'), '')
export const quotaRole = defaulted(text('Only logins with this role of the auth mount at `path`.'), '')

/** The path as it is kept: a mount is the folder that it is, however it was written. With a role it is an auth mount whose logins have roles. */
export async function quotaPathOf(core: Core, given: string, role: string): Promise<string> {
  const path = given.replace(/^\/+/, '')
  if (path === '' && role === '') return ''
  const mount = await core.mounts.find(path.replace(/\*$/, ''))
  if (mount === null) throw badRequest(`invalid mount path ${JSON.stringify(path)}`)
  const place = `${path}/` === mount.record.path ? mount.record.path : path
  if (role === '') return place
  if (place !== mount.record.path) throw badRequest("a quota with a 'role' is for a whole auth mount: 'path' has more than that")
  const hasRoles = mount.registered?.engine.operations.some(({ loginRole }) => loginRole !== null) === true
  if (!hasRoles) throw badRequest(`invalid mount path ${JSON.stringify(path)}: its logins have no roles`)
  return place
}
