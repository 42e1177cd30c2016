/**
 * The syntax tree of HCL 1, HashiCorp's configuration language (github.com/hashicorp/hcl, version 1), which policies and
 * configuration files are written in. Its JSON form gives the same tree. Places are offsets into `HclFile.text`.
 */
import { badRequest, type ApiError } from '../errors.ts'

export interface HclComment {
  /** As written, with its signs, without the line end. */
  readonly text: string
  readonly at: number
  readonly end: number
}

export interface HclKey {
  readonly value: string
  /** As written: `path`, `"secret/*"`. */
  readonly text: string
  readonly at: number
}

export interface HclLiteral {
  readonly kind: 'literal'
  readonly type: 'string' | 'heredoc' | 'integer' | 'float' | 'boolean'
  readonly value: string | number | boolean
  readonly text: string
  readonly at: number
  readonly end: number
}

/** An element of a list, with the comments that belong to it. */
export interface HclElement {
  readonly value: HclValue
  readonly lead: readonly HclComment[]
  readonly trail: readonly HclComment[]
}

export interface HclList {
  readonly kind: 'list'
  readonly elements: readonly HclElement[]
  /** Comments before the closing bracket. */
  readonly rest: readonly HclComment[]
  readonly at: number
  readonly end: number
}

/** `key = value`, `key { … }` or `key "label" { … }`. An assignment has exactly one key. */
export interface HclItem {
  readonly keys: readonly HclKey[]
  readonly assigned: boolean
  readonly value: HclValue
  readonly lead: readonly HclComment[]
  /** On the line on which the item ends. */
  readonly trail: readonly HclComment[]
}

export interface HclObject {
  readonly kind: 'object'
  readonly items: readonly HclItem[]
  readonly rest: readonly HclComment[]
  readonly at: number
  readonly end: number
}

export type HclValue = HclLiteral | HclList | HclObject

export interface HclFile {
  readonly root: HclObject
  /** What the places point into: the source with line ends as `\n`. */
  readonly text: string
  readonly isJson: boolean
}

export interface HclLimits {
  /** UTF-16 units of the source. */
  readonly size: number
  readonly depth: number
}

export const defaultHclLimits: HclLimits = Object.freeze({ size: 1024 * 1024, depth: 100 })

/** `3:14`: line and column of an offset, both from 1, the column in characters. */
export function placeOf(text: string, at: number): string {
  const before = text.slice(0, at)
  const lineStart = before.lastIndexOf('\n') + 1
  return `${before.split('\n').length}:${Array.from(before.slice(lineStart)).length + 1}`
}

/** A refusal that names the place, as HashiCorp's parser words it: `At 3:14: …`. `what` must not quote a value. */
export const hclError = (text: string, at: number, what: string): ApiError => badRequest(`At ${placeOf(text, at)}: ${what}`)
