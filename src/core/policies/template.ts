/**
 * `{{identity.…}}` in the paths of policies: replaced by what is known of the caller. A rule whose template cannot be filled in
 * does not count. Values that would act as a wildcard or as a further segment are refused (GHSA-59w7-v8rr-pr4p): whoever may choose their
 * own name could otherwise widen their own rules.
 */
import { badRequest } from '../../kit/errors.ts'

export interface AliasView {
  readonly id: string
  readonly name: string
  /** Of the auth mount that it belongs to. */
  readonly mountAccessor: string
  readonly metadata: Readonly<Record<string, string>>
  readonly customMetadata: Readonly<Record<string, string>>
}

export interface EntityView {
  readonly id: string
  readonly name: string
  readonly metadata: Readonly<Record<string, string>>
  readonly aliases: readonly AliasView[]
}

export interface GroupView {
  readonly id: string
  readonly name: string
  /** '' for the root namespace, else `a/b/`. */
  readonly namespace: string
  readonly metadata: Readonly<Record<string, string>>
}

/** What a policy may know of the caller. `groups` are all that the entity belongs to, also by way of other groups. */
export interface IdentityView {
  readonly entity: EntityView | null
  readonly groups: readonly GroupView[]
}

export interface TemplateRules {
  /** Groups are found by name only in the policy's own namespace. */
  readonly namespace: string
  readonly allowWildcards: boolean
  readonly allowSlashes: boolean
}

/** A text cut at its templates: literal, selector, literal, selector, …, literal. */
type Parts = readonly string[]

/** Throws `bad_request` when `{{` and `}}` do not pair up. */
function cut(text: string): Parts {
  const [first = '', ...rest] = text.split('{{')
  const parts = [first]
  for (const piece of rest) {
    const ends = piece.split('}}')
    if (ends.length !== 2) throw unbalanced()
    parts.push((ends[0] ?? '').trim(), ends[1] ?? '')
  }
  if (first.includes('}}')) throw unbalanced()
  return parts
}

const unbalanced = (): Error => badRequest('failed to validate policy templating: unbalanced templating characters')

const selectors: readonly RegExp[] = [
  /^identity\.entity\.(?:id|name|metadata\..+)$/,
  /^identity\.entity\.aliases\.[^.]+\.(?:id|name|metadata\..+|custom_metadata\..+)$/,
  /^identity\.groups\.(?:ids|names)\.[^.]+\.(?:id|name|metadata\..+)$/,
]

/** What stands between `{{` and `}}` and will never be found, for a warning. Throws `bad_request` when the braces do not pair up. */
export function checkTemplate(text: string): { readonly isTemplated: boolean; readonly unknown: readonly string[] } {
  const used = cut(text).filter((_, i) => i % 2 === 1)
  return { isTemplated: used.length > 0, unknown: used.filter((selector) => !selectors.some((known) => known.test(selector))) }
}

/** The path with everything filled in, or null when something is missing or unusable. */
export const renderTemplate = (text: string, identity: IdentityView | null, rules: TemplateRules): string | null =>
  fillTemplate(text, identity, rules.namespace, (value) => isUsableInPath(value, rules))

/** The text with everything filled in, or null when something is missing, empty, or refused by `mayStand`. Groups are found by name in `namespace`. */
export function fillTemplate(
  text: string, identity: IdentityView | null, namespace: string, mayStand: (value: string, selector: string) => boolean,
): string | null {
  let filled = ''
  for (const [i, part] of cut(text).entries()) {
    const isLiteral = i % 2 === 0
    const value = isLiteral ? part : findValue(part, identity, namespace)
    if (value === null || (!isLiteral && (value === '' || !mayStand(value, part)))) return null
    filled += value
  }
  return filled
}

function isUsableInPath(value: string, rules: TemplateRules): boolean {
  if (!rules.allowWildcards && /[*+]/.test(value)) return false
  return rules.allowSlashes || !value.includes('/')
}

function findValue(selector: string, identity: IdentityView | null, namespace: string): string | null {
  const [, kind, rest] = /^identity\.(entity|groups)\.(.*)$/s.exec(selector) ?? []
  if (identity === null || rest === undefined) return null
  if (kind === 'groups') return groupValue(rest, identity.groups, namespace)
  return identity.entity === null ? null : entityValue(rest, identity.entity)
}

function entityValue(selector: string, entity: EntityView): string | null {
  const [, accessor, rest] = /^aliases\.([^.]+)\.(.*)$/s.exec(selector) ?? []
  if (accessor === undefined || rest === undefined) return plainValue(selector, entity, {})
  // CVE-2021-43998: where an entity has two names at one mount, neither may stand for the caller.
  const [alias, ...others] = entity.aliases.filter((candidate) => candidate.mountAccessor === accessor)
  return alias === undefined || others.length > 0 ? null : plainValue(rest, alias, alias.customMetadata)
}

function groupValue(selector: string, groups: readonly GroupView[], namespace: string): string | null {
  const [, by, wanted, rest] = /^(ids|names)\.([^.]+)\.(.*)$/s.exec(selector) ?? []
  if (rest === undefined) return null
  const group = groups.find((candidate) =>
    by === 'ids' ? candidate.id === wanted : candidate.name === wanted && candidate.namespace === namespace,
  )
  return group === undefined ? null : plainValue(rest, group, {})
}

interface Named {
  readonly id: string
  readonly name: string
  readonly metadata: Readonly<Record<string, string>>
}

function plainValue(selector: string, of: Named, customMetadata: Readonly<Record<string, string>>): string | null {
  if (selector === 'id') return of.id
  if (selector === 'name') return of.name
  const [, kind, key] = /^(metadata|custom_metadata)\.(.+)$/s.exec(selector) ?? []
  if (key === undefined) return null
  const from = kind === 'metadata' ? of.metadata : customMetadata
  return Object.hasOwn(from, key) ? (from[key] ?? null) : null
}
