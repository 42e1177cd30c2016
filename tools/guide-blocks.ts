/**
 * Guides as tests: the blocks of a Markdown file that a reader is meant to run, and what they are said to print.
 *
 *     ```sh           run by the test, in the order of the file and in one shell
 *     ```text         right below: what that block prints, on both streams
 *     ```sh WORDS     shown, but not run
 */

export interface GuideBlock {
  /** Where the block begins in the file, from 1. */
  readonly line: number
  readonly commands: string
  /** Null where the guide does not say. */
  readonly expected: string | null
}

const fenced = /^```(sh|text)\n([^]*?)^```$/gm

export function parseGuide(markdown: string): readonly GuideBlock[] {
  const fences = [...markdown.matchAll(fenced)]
  return fences.flatMap((fence, i) => {
    const [whole, kind, body = ''] = fence
    if (kind !== 'sh') return []
    const next = fences[i + 1]
    const isAnswered = next?.[1] === 'text' && markdown.slice(fence.index + whole.length, next.index).trim() === ''
    return [{ line: markdown.slice(0, fence.index).split('\n').length, commands: body, expected: isAnswered ? (next[2] ?? '') : null }]
  })
}

const mark = '--- block'

/** One script of all blocks, whose output `outputsOf` takes apart. */
export const scriptOf = (blocks: readonly GuideBlock[]): string => `exec 2>&1\n${blocks.map(({ commands }) => `echo; echo '${mark}'\n${commands}`).join('')}`

/** What each block printed. */
export const outputsOf = (output: string): readonly string[] => output.split(`\n${mark}\n`).slice(1)

const shapes: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, 'UUID'],
  [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| \+0000 UTC)/g, 'TIME'],
  [/\b1\d{9}\b/g, 'UNIX TIME'],
  [/\b(?:hv[sb]\.)?(?:[A-Za-z0-9]{24}|[A-Za-z0-9]{27}|[A-Za-z0-9]{31})\b/g, 'TOKEN'],
  [/\b(\w+)_[0-9a-f]{8}\b/g, '$1_ACCESSOR'],
  [/\b2764[78]\d\d\b|\b768h\b|\b767h59m\d+s\b/g, 'ABOUT 768h'],
  [/\bvault:(v\d+):[A-Za-z0-9+/=_-]+/g, 'vault:$1:BYTES'],
  [/127\.0\.0\.1:\d+/g, 'ADDRESS'],
  [/[ \t]+/g, ' '],
  [/={3,}/g, '==='],
  [/-{3,}/g, '---'],
  [/ $/gm, ''],
]

/** A text without what is another each time. */
const masked = (text: string): string => shapes.reduce((rest, [pattern, by]) => rest.replace(pattern, by), text).trim()

/** Whether a block printed what the guide says, but for times, tokens and identifiers. */
export const isAsExpected = (expected: string, actual: string): boolean => masked(expected) === masked(actual)
