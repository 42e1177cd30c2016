/** Proves that no known secret, and no name that a client chose, lies in raw bytes: of the store, of an audit file, of a log. */
import type { Store } from '../../kit/store.ts'
import { keysUnder, type Findings } from './findings.ts'

export interface RawFinding {
  /** Which of the needles: the text itself is not repeated. */
  readonly needle: number
  readonly form: string
  readonly offset: number
}

/** Shorter ones would be met by chance in megabytes of sealed bytes. */
const needleBytesMin = 6

/**
 * Base64 of a text in the middle of others, for each of the three places where it may begin: the characters that do not depend on what
 * stands beside it.
 */
function base64Forms(text: Buffer): string[] {
  return [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), text]).toString('base64')
    const whole = Math.floor(((shift + text.length) * 8) / 6)
    return encoded.slice(Math.ceil((shift * 8) / 6), whole)
  })
}

function formsOf(needle: string): readonly (readonly [form: string, bytes: Buffer])[] {
  const text = Buffer.from(needle)
  if (text.length < needleBytesMin) throw new Error(`what is to be looked for in raw bytes has fewer than ${needleBytesMin} bytes`)
  return [
    ['plain', text],
    ['UTF-16', Buffer.from(needle, 'utf16le')],
    ['hex', Buffer.from(text.toString('hex'))],
    ...base64Forms(text).map((form) => ['base64', Buffer.from(form)] as const),
  ]
}

/** Where any of the texts lies in the bytes: as it is, in UTF-16, in hex, or in base64. Throws for texts of fewer than 6 bytes. */
export function findInRaw(bytes: Uint8Array, needles: readonly string[]): RawFinding[] {
  const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return needles.flatMap((needle, index) =>
    formsOf(needle).flatMap(([form, wanted]) => {
      const offset = haystack.indexOf(wanted)
      return offset < 0 ? [] : [{ needle: index, form, offset }]
    }),
  )
}

/** Looks through keys and values of the store below the barrier. */
export async function checkRawStore(store: Store, needles: readonly string[], findings: Findings): Promise<void> {
  if (needles.length === 0) return
  for await (const key of keysUnder(store, '')) {
    const entry = await store.get(key)
    const met = [...findInRaw(Buffer.from(key), needles), ...(entry === null ? [] : findInRaw(entry.value, needles))]
    // The key itself may be what tells.
    for (const { needle, form } of met) findings.report(`${key.slice(0, key.indexOf('/') + 1)}…`, `text ${needle} is readable (${form})`)
  }
}
