/** GeneralNames (RFC 5280 §4.2.1.6): what a certificate says whom it is for besides its subject. */
import { isIP } from 'node:net'
import { explicit, implicit, oid, sequence, tagged, utf8 } from '../der.ts'
import { DerError, DerReader, oidText, readText, readWhole } from '../der-reader.ts'

/** Another name: a type in dotted form and a UTF-8 text, as user principal names are. */
export interface OtherName {
  readonly oid: string
  readonly value: string
}

export interface AlternativeNames {
  readonly dns: readonly string[]
  readonly email: readonly string[]
  /** In the form that `ipText` gives. */
  readonly ip: readonly string[]
  readonly uri: readonly string[]
  readonly other: readonly OtherName[]
}

export const noNames: AlternativeNames = Object.freeze({ dns: [], email: [], ip: [], uri: [], other: [] })

export const isEmptyNames = (names: AlternativeNames): boolean =>
  names.dns.length + names.email.length + names.ip.length + names.uri.length + names.other.length === 0

const latin = (text: string): Buffer => Buffer.from(text, 'latin1')
const uriName = (uri: string): Buffer => implicit(6, latin(uri))

/** The content of a GeneralNames sequence, in the order DNS, e-mail, IP, URI, other. Throws an `Error` for addresses that are none. */
export function writeNames(names: AlternativeNames): Buffer {
  return sequence(
    ...names.dns.map((name) => implicit(2, latin(name))),
    ...names.email.map((name) => implicit(1, latin(name))),
    ...names.ip.map((name) => implicit(7, ipBytes(name))),
    ...names.uri.map(uriName),
    ...names.other.map((name) => tagged(0xa0, oid(name.oid), explicit(0, utf8(name.value)))),
  )
}

/** One URI as a GeneralName, as it stands in access descriptions and distribution points. */
export const writeUri = uriName

const namesMax = 5000

/**
 * Reads a GeneralNames sequence. Kinds that no policy here can judge (directory names, X.400, registered ids, other names that are no UTF-8 text)
 * are counted in `unknown`, so that whoever decides can refuse them.
 */
export function parseNames(der: Uint8Array): AlternativeNames & { readonly unknown: number } {
  const found = { dns: [] as string[], email: [] as string[], ip: [] as string[], uri: [] as string[], other: [] as OtherName[], unknown: 0 }
  const values = readWhole(der).rest()
  if (values.length > namesMax) throw new DerError('there are too many names')
  for (const { tag, content } of values) {
    if (tag === 0x82) found.dns.push(asciiText(content))
    else if (tag === 0x81) found.email.push(asciiText(content))
    else if (tag === 0x87) found.ip.push(ipText(content))
    else if (tag === 0x86) found.uri.push(asciiText(content))
    else {
      const other = tag === 0xa0 ? findOther(content) : null
      if (other === null) found.unknown++
      else found.other.push(other)
    }
  }
  return found
}

function asciiText(content: Buffer): string {
  for (const byte of content) if (byte < 0x20 || byte > 0x7e) throw new DerError('a name has characters that are not printable ASCII')
  return content.toString('latin1')
}

function findOther(content: Buffer): OtherName | null {
  const reader = new DerReader(content)
  const type = oidText(reader.next(0x06).content)
  const inner = reader.enter(0xa0)
  reader.end()
  return inner.nextTag === 0x0c ? { oid: type, value: readText(inner.next()) } : null
}

/** The URIs of a GeneralNames content or of single names one after the other; other kinds are passed over. */
export const urisOf = (values: readonly { readonly tag: number; readonly content: Buffer }[]): string[] =>
  values.filter(({ tag }) => tag === 0x86).map(({ content }) => content.toString('latin1'))

/** 4 or 16 bytes of an address in its usual form; an IPv4 address mapped into IPv6 gives 4. Throws for what is no address. */
export function ipBytes(text: string): Buffer {
  const kind = isIP(text)
  if (kind === 4) return Buffer.from(text.split('.').map(Number))
  if (kind !== 6 || text.includes('%')) throw new Error('not an IP address')
  const bytes = Buffer.from(groupsOf(text).flatMap((group) => [group >> 8, group & 0xff]))
  return bytes.subarray(0, 12).equals(mappedPrefix) ? bytes.subarray(12) : bytes
}

const mappedPrefix = Buffer.from('00000000000000000000ffff', 'hex')

function groupsOf(text: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text)
  const [a = 0, b = 0, c = 0, d = 0] = dotted === null ? [] : dotted.slice(2).map(Number)
  const plain = dotted === null ? text : `${dotted[1] ?? ''}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  const [left = '', right] = plain.split('::')
  const parse = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)))
  const head = parse(left)
  const tail = right === undefined ? [] : parse(right)
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail]
}

/** The shortest form (RFC 5952) of 4 or 16 bytes. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return [...bytes].join('.')
  if (bytes.length !== 16) throw new DerError('an IP address has 4 or 16 bytes')
  const groups = Array.from({ length: 8 }, (_, i) => (((bytes[i * 2] ?? 0) << 8) | (bytes[i * 2 + 1] ?? 0)).toString(16))
  const longest = /(?:^|:)0(?::0)+(?=:|$)/g
  const runs = [...groups.join(':').matchAll(longest)].sort((x, y) => y[0].length - x[0].length)
  const [run] = runs
  if (run === undefined) return groups.join(':')
  const text = groups.join(':')
  return `${text.slice(0, run.index)}::${text.slice(run.index + run[0].length).replace(/^:/, '')}`
}
