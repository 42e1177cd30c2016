/**
 * Plain data from a syntax tree, in the shape of HashiCorp's HCL 1 decoder: blocks and objects are lists of objects, because any of them
 * may be repeated (`listener "tcp" {…}` is `{ listener: [{ tcp: [{…}] }] }`), lists that are repeated are joined, and of repeated
 * simple values the last one wins.
 */
import type { HclFile, HclItem, HclObject, HclValue } from './ast.ts'

export type HclData = string | number | boolean | HclData[] | HclRecord
/** Without a prototype: keys come from files that anybody may have written. */
export interface HclRecord {
  [key: string]: HclData
}

export const decodeHcl = (file: HclFile): HclRecord => decodeObject(file.root, file.isJson)

/** One value by itself: a literal's value, a list, or an object. */
export const decodeHclValue = (value: HclValue): HclData => decodeValue(value, false)

function decodeObject(object: HclObject, isJson: boolean): HclRecord {
  const record = emptyRecord()
  for (const item of object.items) {
    const key = item.keys[0]?.value ?? ''
    const value = decodeItem(item, isJson)
    const earlier = Object.hasOwn(record, key) ? record[key] : undefined
    record[key] = Array.isArray(value) && Array.isArray(earlier) ? [...earlier, ...value] : value
  }
  return record
}

const emptyRecord = (): HclRecord => Object.create(null) as HclRecord

function decodeItem(item: HclItem, isJson: boolean): HclData {
  const inner = item.value.kind === 'object' ? decodeBlock(item.value, isJson) : decodeValue(item.value, isJson)
  return item.keys.slice(1).reduceRight<HclData>((value, key) => [labelled(key.value, value)], inner)
}

function labelled(label: string, value: HclData): HclRecord {
  const record = emptyRecord()
  record[label] = value
  return record
}

/** In the JSON form an object of nothing but objects is taken for labels: `{"tcp": {…}, "unix": {…}}` is two blocks. */
function decodeBlock(object: HclObject, isJson: boolean): HclData[] {
  const hasLabels = isJson && object.items.length > 0 && object.items.every((item) => item.value.kind === 'object')
  if (!hasLabels) return [decodeObject(object, isJson)]
  return object.items.flatMap(({ keys: [key], value }) =>
    value.kind === 'object' ? decodeBlock(value, isJson).map((block) => labelled(key?.value ?? '', [block])) : [],
  )
}

/** A value in a list: objects are not wrapped there. */
function decodeValue(value: HclValue, isJson: boolean): HclData {
  if (value.kind === 'literal') return value.value
  if (value.kind === 'list') return value.elements.map((element) => decodeValue(element.value, isJson))
  return decodeObject(value, isJson)
}
