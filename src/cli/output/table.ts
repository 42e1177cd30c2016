/** Columns, padded with four spaces between them, and lines wrapped for a terminal. */

/** Rows as aligned columns, without a line end at the last. Cells are trimmed; an empty one becomes `n/a`. */
export function formatColumns(rows: readonly (readonly string[])[], gap = '    '): string {
  const cells = rows.map((row) => row.map((cell) => cell.trim() || 'n/a'))
  const widths: number[] = []
  for (const row of cells) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, lengthOf(cell))))
  return cells.map((row) => row.map((cell, i) => (i === row.length - 1 ? cell : pad(cell, widths[i] ?? 0))).join(gap)).join('\n')
}

/** Like `formatColumns`, with the first row underlined. */
export function formatTable(rows: readonly (readonly string[])[], gap?: string): string {
  const [head, ...body] = rows
  if (head === undefined) return ''
  return formatColumns([head, head.map((cell) => '-'.repeat(new TextEncoder().encode(cell.trim()).length)), ...body], gap)
}

/** In code points, as Go counts. */
const lengthOf = (text: string): number => {
  let length = 0
  for (const _ of text) length++
  return length
}

const pad = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - lengthOf(text)))

const lineMax = 78

/** Wraps at 78 columns less the indent, so that the lines come out evenly filled; runs of spaces and line ends count as one space. */
export function wrap(text: string, indent = 0): string {
  const lines = evenLines(text.trim().replaceAll('\n', ' ').split(' '), lineMax - indent)
  return lines.map((line) => ' '.repeat(indent) + line).join('\n')
}

/** Minimum raggedness: the breaks with the least sum of squared rests, all lines but the last. */
function evenLines(words: readonly string[], limit: number): string[] {
  const cost: number[] = Array.from({ length: words.length + 1 }, () => 0)
  const next: number[] = []
  for (let i = words.length - 1; i >= 0; i--) {
    let length = -1
    cost[i] = Number.POSITIVE_INFINITY
    for (let j = i + 1; j <= words.length; j++) {
      length += 1 + lengthOf(words[j - 1] ?? '')
      if (length > limit && j > i + 1) break
      const rest = limit - length
      const total = j === words.length && length <= limit ? 0 : rest * rest + (length > limit ? 100_000 : 0) + (cost[j] ?? 0)
      if (total < (cost[i] ?? 0)) {
        cost[i] = total
        next[i] = j
      }
    }
  }
  const lines: string[] = []
  for (let i = 0; i < words.length; i = next[i] ?? words.length) lines.push(words.slice(i, next[i]).join(' '))
  return lines
}
