/**
 * Writes HCL 1 in its usual layout, as `policy fmt` does: two spaces, one item per line, neighbouring assignments aligned, blank lines
 * around blocks. Comments stay with what they belong to, values as they were written. Formatting twice changes nothing.
 */
import { badRequest } from '../errors.ts'
import type { HclComment, HclFile, HclItem, HclList, HclObject, HclValue } from './ast.ts'
import { parseHcl } from './parser.ts'

/** The text in the usual layout, with a line end ('' for nothing). Throws `bad_request` for what does not parse and for the JSON form. */
export function formatHcl(source: string): string {
  const file = parseHcl(source)
  if (file.isJson) throw badRequest('this is JSON; only HCL is formatted')
  const lines = blockLines(file.root, file).map((line) => line.text)
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

/** Lines that belong to one item, without the indentation of what is around it. `fixed` lines are inside a heredoc or a long comment. */
interface Line {
  readonly text: string
  readonly fixed: boolean
}

const plain = (text: string): Line => ({ text, fixed: false })
const indented = (lines: readonly Line[]): Line[] => lines.map((line) => (line.fixed || line.text === '' ? line : plain(`  ${line.text}`)))

/** Continues the last of `lines` with the first of `more`. */
function joined(lines: readonly Line[], more: readonly Line[]): Line[] {
  const last = lines.at(-1) ?? plain('')
  const first = more[0] ?? plain('')
  return [...lines.slice(0, -1), { text: last.text + first.text, fixed: last.fixed }, ...more.slice(1)]
}

function written(text: string): Line[] {
  const [first = '', ...rest] = text.split('\n')
  return [plain(first), ...rest.map((line) => ({ text: line, fixed: true }))]
}

/** Comments on lines of their own; blank lines between them and before what begins at `next` stay, one of each. */
function commentLines(comments: readonly HclComment[], next: number, file: HclFile): Line[] {
  return comments.flatMap((comment, i) => {
    const lines = written(comment.text)
    return hasBlankLine(file, comment.end, comments[i + 1]?.at ?? next) ? [...lines, plain('')] : lines
  })
}

const startOf = (item: HclItem): number => item.keys[0]?.at ?? item.value.at
const hasBlankLine = (file: HclFile, from: number, to: number): boolean => /\n[ \t]*\n/.test(file.text.slice(from, to))

/** One item, or several assignments in a row that are aligned with each other. */
interface Group {
  readonly items: HclItem[]
  /** Whether the source leaves a blank line before it. */
  readonly apart: boolean
}

function blockLines(object: HclObject, file: HclFile): Line[] {
  let earlierIsTall = false
  const lines = groupsOf(object, file).flatMap((group, i) => {
    const [first] = group.items
    const isTall = first !== undefined && !isShort(first.value, file)
    const apart = i > 0 && (group.apart || isTall || earlierIsTall)
    earlierIsTall = isTall
    const body = group.items.length > 1 ? alignedLines(group.items, file) : group.items.flatMap((item) => itemLines(item, file))
    return apart ? [plain(''), ...body] : body
  })
  const [rest] = object.rest
  if (rest === undefined) return lines
  const last = object.items.at(-1)
  if (last !== undefined && (earlierIsTall || hasBlankLine(file, last.value.end, rest.at))) lines.push(plain(''))
  return [...lines, ...commentLines(object.rest, rest.at, file)]
}

function groupsOf(object: HclObject, file: HclFile): Group[] {
  const groups: Group[] = []
  let previous: HclItem | undefined
  for (const item of object.items) {
    const apart = previous !== undefined && hasBlankLine(file, previous.value.end, item.lead[0]?.at ?? startOf(item))
    const joins = previous !== undefined && !apart && item.lead.length === 0 && isAligned(previous, file) && isAligned(item, file)
    if (joins) groups.at(-1)?.items.push(item)
    else groups.push({ items: [item], apart })
    previous = item
  }
  return groups
}

/** An assignment that takes one line, comments above it aside. */
const isAligned = (item: HclItem, file: HclFile): boolean =>
  item.assigned && isShort(item.value, file) && item.trail.every((comment) => !comment.text.includes('\n'))

/** Whether a value takes one line. */
function isShort(value: HclValue, file: HclFile): boolean {
  if (value.kind === 'literal') return !value.text.includes('\n')
  return value.kind === 'list' ? isFlat(value, file) : value.items.length + value.rest.length === 0
}

function itemLines(item: HclItem, file: HclFile): Line[] {
  const head = plain(`${item.keys.map((key) => key.text).join(' ')}${item.assigned ? ' = ' : ' '}`)
  const lead = commentLines(item.lead, startOf(item), file)
  const body = joined([head], valueLines(item.value, file))
  // A heredoc ends with its line: no comment can follow there.
  return isHeredoc(item.value) ? [...lead, ...commentLines(item.trail, 0, file), ...body] : [...lead, ...withTrail(body, item.trail)]
}

const isHeredoc = (value: HclValue): boolean => value.kind === 'literal' && value.type === 'heredoc'

const withTrail = (lines: Line[], trail: readonly HclComment[]): Line[] =>
  trail.length === 0 ? lines : joined(lines, written(` ${trail.map((comment) => comment.text).join(' ')}`))

function alignedLines(items: readonly HclItem[], file: HclFile): Line[] {
  const keys = items.map((item) => item.keys[0]?.text ?? '')
  const values = items.map((item) => valueLines(item.value, file)[0]?.text ?? '')
  const keyWidth = longest(keys)
  const valueWidth = longest(values)
  return items.flatMap((item, i) => {
    const trail = item.trail.map((comment) => comment.text).join(' ')
    const value = trail === '' ? values[i] : `${values[i]?.padEnd(valueWidth)} ${trail}`
    return [...commentLines(item.lead, startOf(item), file), plain(`${keys[i]?.padEnd(keyWidth)} = ${value}`)]
  })
}

const longest = (texts: readonly string[]): number => texts.reduce((width, text) => Math.max(width, text.length), 0)

function valueLines(value: HclValue, file: HclFile): Line[] {
  if (value.kind === 'literal') return written(value.text)
  if (value.kind === 'list') return listLines(value, file)
  const inner = blockLines(value, file)
  return inner.length === 0 ? [plain('{}')] : [plain('{'), ...indented(inner), plain('}')]
}

function listLines(list: HclList, file: HclFile): Line[] {
  if (isFlat(list, file)) return [plain(`[${list.elements.map(({ value }) => (value.kind === 'literal' ? value.text : '')).join(', ')}]`)]
  const inner = list.elements.flatMap(({ value, lead, trail }) => {
    const lines = valueLines(value, file)
    const ended = isHeredoc(value) ? [...lines, plain(',')] : joined(lines, [plain(',')])
    return [...commentLines(lead, value.at, file), ...withTrail(ended, trail)]
  })
  const rest = commentLines(list.rest, list.rest[0]?.at ?? 0, file)
  return [plain('['), ...indented([...inner, ...rest]), plain(']')]
}

/** Literals without comments that begin on the line of the bracket stay on one line. */
function isFlat(list: HclList, file: HclFile): boolean {
  if (list.rest.length > 0) return false
  return list.elements.every(
    ({ value, lead, trail }) =>
      value.kind === 'literal' && lead.length + trail.length === 0 && !file.text.slice(list.at, value.end).includes('\n'),
  )
}
