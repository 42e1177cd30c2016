/** A parsed template. */
import type { Value } from './values.ts'

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipe: Pipe; readonly line: number }
  | Branch
  | Range
  | { readonly kind: 'template'; readonly name: string; readonly pipe: Pipe | null; readonly line: number }
  | { readonly kind: 'break' | 'continue' }

export interface Branch {
  readonly kind: 'if' | 'with'
  readonly pipe: Pipe
  readonly body: readonly Node[]
  readonly otherwise: readonly Node[]
}

export interface Range {
  readonly kind: 'range'
  readonly pipe: Pipe
  readonly body: readonly Node[]
  readonly otherwise: readonly Node[]
  readonly line: number
}

/** Commands, each given the result of the one before as its last argument. */
export interface Pipe {
  /** Names with their `$`; two only in `range`. */
  readonly variables: readonly string[]
  readonly isAssignment: boolean
  readonly commands: readonly Command[]
  readonly line: number
}

export interface Command {
  readonly first: Operand
  readonly args: readonly Operand[]
  readonly line: number
}

export type Operand =
  | { readonly kind: 'value'; readonly value: Value; readonly text: string }
  | { readonly kind: 'nil' }
  | { readonly kind: 'dot' }
  | { readonly kind: 'field'; readonly names: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly names: readonly string[] }
  | { readonly kind: 'function'; readonly name: string; readonly names: readonly string[] }
  | { readonly kind: 'pipe'; readonly pipe: Pipe; readonly names: readonly string[] }

/** The main part and what `define` and `block` named. */
export interface Parsed {
  readonly main: readonly Node[]
  readonly named: ReadonlyMap<string, readonly Node[]>
}
