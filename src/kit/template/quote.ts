/** Texts in quotes, as Go writes them (strconv.Quote). */

const named: Readonly<Record<string, string>> = { '\x07': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v' }
const printable = /[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u

export const quote = (text: string, ascii = false): string => `"${[...text].map((char) => quotedChar(char, '"', ascii)).join('')}"`
export const quoteChar = (char: string, ascii = false): string => `'${quotedChar(char, "'", ascii)}'`

function quotedChar(char: string, mark: string, ascii: boolean): string {
  if (char === mark || char === '\\') return `\\${char}`
  const code = char.codePointAt(0) ?? 0
  if (code < 0x7f ? code >= 0x20 : !ascii && printable.test(char)) return char
  const known = named[char]
  if (known !== undefined) return known
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, '0')}`
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`
}
