/** LDIF (RFC 2849): entries to be added, and changes. Not its URLs, controls and renames. */
import { badRequest } from '../../kit/errors.ts'

export interface Attribute {
  readonly name: string
  readonly values: readonly Buffer[]
}

export type LdifChange =
  | { readonly kind: 'add'; readonly dn: string; readonly attributes: readonly Attribute[] }
  | { readonly kind: 'delete'; readonly dn: string }
  | { readonly kind: 'modify'; readonly dn: string; readonly changes: readonly Modification[] }

export interface Modification {
  readonly operation: 'add' | 'delete' | 'replace'
  readonly attribute: Attribute
}

interface Line {
  readonly name: string
  readonly value: Buffer
}

const changesMax = 100

/** Throws `bad_request`; the text says which line of an entry is wrong by its attribute, never by its value. */
export function parseLdif(text: string): readonly LdifChange[] {
  const unfolded = text.replaceAll(/\r\n?/g, '\n').replaceAll(/\n /g, '')
  const blocks: Line[][] = [[]]
  for (const line of unfolded.split('\n')) {
    if (line.trim() === '') blocks.push([])
    else if (!line.startsWith('#')) blocks.at(-1)?.push(parseLine(line))
  }
  const entries = blocks.map(withoutVersion).filter((block) => block.length > 0).map(parseEntry)
  if (entries.length === 0) throw badRequest('must specify at least one LDIF entry')
  if (entries.length > changesMax) throw badRequest(`an LDIF may have ${changesMax} entries`)
  return entries
}

const withoutVersion = (block: readonly Line[]): readonly Line[] => (block[0]?.name.toLowerCase() === 'version' ? block.slice(1) : block)

const base64 = /^(?:[\w+/]{4})*(?:[\w+/]{2}==|[\w+/]{3}=)?$/

function parseLine(line: string): Line {
  if (line === '-') return { name: '-', value: Buffer.alloc(0) }
  const [, name = '', mark = '', rest = ''] = /^([A-Za-z][\w.;-]*)(::?|:<)(.*)$/.exec(line) ?? []
  if (name === '') throw badRequest('LDIF is invalid: a line is no "attribute: value"')
  if (mark === ':<' || (mark === ':' && rest.startsWith('<'))) throw badRequest(`LDIF is invalid: the value of ${name} is a URL, which is not read`)
  const value = rest.replace(/^ +/, '')
  if (mark === ':') return { name, value: Buffer.from(value) }
  if (!base64.test(value)) throw badRequest(`LDIF is invalid: the value of ${name} is not base64`)
  return { name, value: Buffer.from(value, 'base64') }
}

const isNamed = (line: Line | undefined, name: string): boolean => line?.name.toLowerCase() === name

function parseEntry(lines: readonly Line[]): LdifChange {
  const [first, second] = lines
  if (first === undefined || !isNamed(first, 'dn')) throw badRequest('LDIF is invalid: an entry does not begin with "dn:"')
  const dn = first.value.toString('utf8')
  if (isNamed(second, 'control')) throw badRequest('LDIF is invalid: controls are not understood')
  if (second === undefined || !isNamed(second, 'changetype')) return added(dn, lines.slice(1))
  const rest = lines.slice(2)
  const type = second.value.toString('utf8').trim().toLowerCase()
  if (type === 'add') return added(dn, rest)
  if (type === 'modify') return { kind: 'modify', dn, changes: parseModifications(rest) }
  if (type !== 'delete') throw badRequest('LDIF is invalid: the changetype must be add, modify or delete')
  if (rest.length > 0) throw badRequest('LDIF is invalid: an entry that is deleted has attributes')
  return { kind: 'delete', dn }
}

function added(dn: string, lines: readonly Line[]): LdifChange {
  if (lines.length === 0) throw badRequest('LDIF is invalid: an entry that is added has no attributes')
  return { kind: 'add', dn, attributes: gather(lines) }
}

/** Values of one attribute may stand on several lines. */
function gather(lines: readonly Line[]): readonly Attribute[] {
  const found = new Map<string, { name: string; values: Buffer[] }>()
  for (const { name, value } of lines) {
    if (name === '-') throw badRequest('LDIF is invalid: "-" stands outside of a modification')
    const known = found.get(name.toLowerCase())
    if (known === undefined) found.set(name.toLowerCase(), { name, values: [value] })
    else known.values.push(value)
  }
  return [...found.values()]
}

function parseModifications(lines: readonly Line[]): readonly Modification[] {
  const changes: Modification[] = []
  for (let at = 0; at < lines.length;) {
    const end = lines.findIndex(({ name }, index) => index >= at && name === '-')
    const until = end < 0 ? lines.length : end
    changes.push(parseModification(lines.slice(at, until)))
    at = until + 1
  }
  if (changes.length === 0) throw badRequest('LDIF is invalid: an entry that is modified has no modifications')
  return changes
}

function parseModification([head, ...lines]: readonly Line[]): Modification {
  const operation = (['add', 'delete', 'replace'] as const).find((known) => isNamed(head, known))
  const name = head?.value.toString('utf8').trim() ?? ''
  if (operation === undefined) throw badRequest('LDIF is invalid: a modification must be add, delete or replace')
  if (lines.some((line) => line.name.toLowerCase() !== name.toLowerCase())) throw badRequest(`LDIF is invalid: a modification of ${name} has lines of another attribute`)
  return { operation, attribute: { name, values: lines.map(({ value }) => value) } }
}
