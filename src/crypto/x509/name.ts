/** Distinguished names (RFC 5280 §4.1.2.4): sequences of attributes, read and written. */
import { ia5, oid, printable, sequence, setOf, tags, utf8 } from '../der.ts'
import { DerError, readOid, readText, readWhole } from '../der-reader.ts'

/** One attribute: its type in dotted form, its text. */
export interface Attribute {
  readonly type: string
  readonly value: string
}

export const attributeTypes = {
  commonName: '2.5.4.3', serialNumber: '2.5.4.5', country: '2.5.4.6', locality: '2.5.4.7', province: '2.5.4.8', streetAddress: '2.5.4.9',
  organization: '2.5.4.10', organizationalUnit: '2.5.4.11', postalCode: '2.5.4.17', userId: '0.9.2342.19200300.100.1.1',
  domainComponent: '0.9.2342.19200300.100.1.25', emailAddress: '1.2.840.113549.1.9.1',
} as const

/** Attributes that must be PrintableString (RFC 5280 appendix A) and IA5String (RFC 4519 §2.4, RFC 2985). */
const mustBePrintable: ReadonlySet<string> = new Set([attributeTypes.country, attributeTypes.serialNumber])
const mustBeIa5: ReadonlySet<string> = new Set([attributeTypes.domainComponent, attributeTypes.emailAddress])
const printableShape = /^[A-Za-z0-9 '()+,\-./:=?]*$/

const types = new Map<string, Buffer>()
function typeOf(dotted: string): Buffer {
  let known = types.get(dotted)
  if (known === undefined) {
    known = oid(dotted)
    if (types.size < 200) types.set(dotted, known)
  }
  return known
}

function textOf({ type, value }: Attribute): Buffer {
  if (mustBeIa5.has(type)) return ia5(value)
  // A value that cannot be one stays readable as UTF-8; refusing it would be the caller's to do.
  return mustBePrintable.has(type) && printableShape.test(value) ? printable(value) : utf8(value)
}

/** A name with one set for each item: several attributes in one item make a set of several values. */
export function writeName(sets: readonly (readonly Attribute[])[]): Buffer {
  return sequence(...sets.map((attributes) => setOf(...attributes.map((a) => sequence(typeOf(a.type), textOf(a))))))
}

const attributesMax = 200

/** The attributes of a Name, in order. Values that are no text are left out. `der` is the whole SEQUENCE. */
export function parseName(der: Uint8Array): Attribute[] {
  const found: Attribute[] = []
  const names = readWhole(der)
  while (!names.isAtEnd) {
    const set = names.enter(tags.set)
    while (!set.isAtEnd) {
      const pair = set.enter()
      const type = readOid(pair)
      const value = pair.next()
      pair.end()
      if (found.length >= attributesMax) throw new DerError('a name has too many attributes')
      if (textTags.has(value.tag)) found.push({ type, value: readText(value) })
    }
  }
  return found
}

const textTags: ReadonlySet<number> = new Set([tags.utf8, tags.printable, tags.ia5, tags.numeric, tags.teletex, tags.bmp])

/** The values of one type. */
export const valuesOf = (name: readonly Attribute[], type: string): string[] => name.filter((a) => a.type === type).map(({ value }) => value)

/** Whether a name, which is a SEQUENCE in DER, is one without any attribute. */
export const isEmptyName = (der: Uint8Array): boolean => der[1] === 0
