/** Which policies a token may have under a role. */
import { cleanPolicies } from '../../core/tokens/create.ts'
import { badRequest } from '../../kit/errors.ts'
import type { TokenRole } from './roles.ts'

/** Without wishes, those that the role allows, or else those of the creator. Throws naming the policy at fault. */
export function policiesUnder(role: TokenRole, asked: readonly string[], ofCreator: readonly string[], wantsDefault: boolean): string[] {
  const addDefault = wantsDefault && !isDisallowed(role, 'default')
  const hasAllowed = role.allowedPolicies.length + role.allowedPoliciesGlob.length > 0
  const wanted = cleanPolicies(asked.length > 0 ? asked : hasAllowed ? role.allowedPolicies : ofCreator, addDefault)
  if (hasAllowed) checkAllowed(role, wanted, addDefault)
  const refused = wanted.find((name) => isDisallowed(role, name))
  if (refused !== undefined) throw badRequest(`token policy ${JSON.stringify(refused)} is disallowed by this role`)
  return wanted
}

const isDisallowed = (role: TokenRole, name: string): boolean => role.disallowedPolicies.includes(name) || matchesAny(role.disallowedPoliciesGlob, name)

function checkAllowed(role: TokenRole, wanted: readonly string[], addDefault: boolean): void {
  const allowed = cleanPolicies(role.allowedPolicies, addDefault)
  if (wanted.every((name) => allowed.includes(name) || matchesAny(role.allowedPoliciesGlob, name))) return
  const shown = (names: readonly string[]): string => `[${names.map((name) => JSON.stringify(name)).join(' ')}]`
  throw badRequest(`token policies (${shown(wanted)}) must be subset of the role's allowed policies (${shown(allowed)}) or glob policies (${shown(role.allowedPoliciesGlob)})`)
}

/** `*` stands for any text, at any place. */
function matchesAny(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => {
    const parts = glob.split('*')
    const [first = '', last = ''] = [parts[0], parts.at(-1)]
    if (parts.length === 1) return glob === name
    if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false
    let at = first.length
    for (const middle of parts.slice(1, -1)) {
      const found = name.indexOf(middle, at)
      if (found < 0 || found + middle.length > name.length - last.length) return false
      at = found + middle.length
    }
    return true
  })
}
