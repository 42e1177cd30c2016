/** Carries a parsed template out, as Go's text/template does. */
import type { Branch, Command, Node, Operand, Parsed, Pipe, Range } from './ast.ts'
import { shown } from './print.ts'
import { isFunction, isList, isMap, isTrue, Methods, sortedKeys, Struct, TemplateError, typeName, type TemplateFunction, type Value } from './values.ts'

export interface ExecuteOptions {
  readonly functions: Pick<ReadonlyMap<string, TemplateFunction>, 'get'>
  /** What a key that a map does not have is: no value (the default), nothing (as far as one can tell the two apart: it has no fields), or an error. */
  readonly missingKey?: 'default' | 'zero' | 'error'
  /** Characters that may come out; default 64 Mi. */
  readonly outputMax?: number
  /** Nodes and rounds of ranges that may be carried out; default 10 million. */
  readonly stepsMax?: number
  /** How many templates carry out this one as a text; default 0. */
  readonly depth?: number
}

/** Throws `TemplateError` with the line. */
export function executeTemplate(parsed: Parsed, data: Value, options: ExecuteOptions): string {
  return new Execution(parsed, options).run(data)
}

const depthMax = 500
/** There was no stage before: not the same as a stage that gave nothing. */
const none = Symbol('none')
type Final = Value | typeof none
type Jump = 'break' | 'continue' | null

class Execution {
  readonly #parsed: Parsed
  readonly #options: ExecuteOptions
  readonly #out: string[] = []
  #variables: { readonly name: string; value: Value }[] = []
  #size = 0
  #steps = 0
  #depth = 0

  constructor(parsed: Parsed, options: ExecuteOptions) {
    this.#parsed = parsed
    this.#options = options
  }

  run(data: Value): string {
    this.#variables = [{ name: '$', value: data }]
    this.#walk(data, this.#parsed.main)
    return this.#out.join('')
  }

  #write(text: string): void {
    this.#size += text.length
    if (this.#size > (this.#options.outputMax ?? 64 * 2 ** 20)) throw new TemplateError('the output is too large')
    this.#out.push(text)
  }

  #countStep(): void {
    if ((this.#steps += 1) > (this.#options.stepsMax ?? 10_000_000)) throw new TemplateError('the template runs for too long')
  }

  #walk(dot: Value, nodes: readonly Node[]): Jump {
    for (const node of nodes) {
      this.#countStep()
      const jump = this.#step(dot, node)
      if (jump !== null) return jump
    }
    return null
  }

  #step(dot: Value, node: Node): Jump {
    switch (node.kind) {
      case 'if':
      case 'with':
        return this.#branch(dot, node)
      case 'break':
      case 'continue':
        return node.kind
      case 'text':
        this.#write(node.text)
        return null
      case 'action':
        this.#action(dot, node.pipe)
        return null
      case 'template':
        this.#call(dot, node.name, node.pipe, node.line)
        return null
      case 'range':
        this.#range(dot, node)
        return null
    }
  }

  #action(dot: Value, pipe: Pipe): void {
    const value = this.#pipe(dot, pipe)
    if (pipe.variables.length > 0) return
    if (isFunction(value)) throw new TemplateError(`can't print ${typeName(value)}`, pipe.line)
    this.#write(shown(value))
  }

  #branch(dot: Value, { kind, pipe, body, otherwise }: Branch): Jump {
    const mark = this.#variables.length
    const value = this.#pipe(dot, pipe)
    const inner = kind === 'with' && isTrue(value) ? value : dot
    const jump = this.#walk(inner, isTrue(value) ? body : otherwise)
    this.#variables.length = mark
    return jump
  }

  #range(dot: Value, { pipe, body, otherwise, line }: Range): void {
    const mark = this.#variables.length
    const over = this.#pipe(dot, pipe)
    const start = this.#variables.length
    let isEmpty = true
    for (const [key, item] of entries(over, line)) {
      this.#countStep()
      isEmpty = false
      this.#take(pipe, key, item)
      const jump = this.#walk(item, body)
      this.#variables.length = start
      if (jump === 'break') break
    }
    this.#variables.length = mark
    if (!isEmpty) return
    this.#walk(dot, otherwise)
    this.#variables.length = mark
  }

  /** With two variables the first is the key; with one it is the item. */
  #take({ variables: [first, second], isAssignment }: Pipe, key: Value, item: Value): void {
    const pairs: [string, Value][] = first === undefined ? [] : second === undefined ? [[first, item]] : [[first, key], [second, item]]
    for (const [name, value] of pairs) {
      if (isAssignment) this.#assign(name, value)
      else this.#variables.push({ name, value })
    }
  }

  #assign(name: string, value: Value): void {
    const variable = this.#variables.findLast((known) => known.name === name)
    if (variable === undefined) throw new TemplateError(`undefined variable: ${name}`)
    variable.value = value
  }

  #call(dot: Value, name: string, pipe: Pipe | null, line: number): void {
    const nodes = this.#parsed.named.get(name)
    if (nodes === undefined) throw new TemplateError(`template ${JSON.stringify(name)} not defined`, line)
    if ((this.#depth += 1) > depthMax) throw new TemplateError(`exceeded maximum template depth (${depthMax})`, line)
    const value = pipe === null ? null : this.#pipe(dot, pipe)
    const outer = this.#variables
    this.#variables = [{ name: '$', value }]
    this.#walk(value, nodes)
    this.#variables = outer
    this.#depth -= 1
  }

  #pipe(dot: Value, { variables, isAssignment, commands, line }: Pipe): Value {
    let value: Final = none
    for (const command of commands) value = located(command.line, () => this.#command(dot, command, value))
    const result = value as Value
    for (const name of variables) {
      if (isAssignment) located(line, () => this.#assign(name, result))
      else this.#variables.push({ name, value: result })
    }
    return result
  }

  #command(dot: Value, { first, args }: Command, final: Final): Value {
    if (first.kind === 'field') return this.#fields(dot, dot, first.names, args, final)
    if (first.kind === 'variable' && first.names.length > 0) return this.#fields(dot, this.#variable(first.name), first.names, args, final)
    if (first.kind === 'pipe' && first.names.length > 0) return this.#fields(dot, this.#pipe(dot, first.pipe), first.names, args, final)
    if (first.kind === 'function') {
      if (first.names.length === 0) return this.#function(dot, first.name, args, final)
      return this.#fields(dot, this.#function(dot, first.name, [], none), first.names, args, final)
    }
    if (args.length > 0 || final !== none) throw new TemplateError(`can't give argument to non-function ${first.kind === 'value' ? first.text : first.kind}`)
    if (first.kind === 'nil') throw new TemplateError('nil is not a command')
    return this.#operand(dot, first)
  }

  /** What an operand is as an argument. */
  #operand(dot: Value, operand: Operand): Value {
    if (operand.kind === 'value') return operand.value
    if (operand.kind === 'nil') return null
    if (operand.kind === 'dot') return dot
    if (operand.kind === 'field') return this.#fields(dot, dot, operand.names, [], none)
    if (operand.kind === 'variable') return this.#fields(dot, this.#variable(operand.name), operand.names, [], none)
    if (operand.kind === 'pipe') return this.#fields(dot, this.#pipe(dot, operand.pipe), operand.names, [], none)
    return this.#fields(dot, this.#function(dot, operand.name, [], none), operand.names, [], none)
  }

  #variable(name: string): Value {
    const variable = this.#variables.findLast((known) => known.name === name)
    if (variable === undefined) throw new TemplateError(`undefined variable: ${name}`)
    return variable.value
  }

  /** Fields of fields; only the last one may be called. */
  #fields(dot: Value, receiver: Value, names: readonly string[], args: readonly Operand[], final: Final): Value {
    let value = receiver
    for (const [i, name] of names.entries()) value = i === names.length - 1 ? this.#field(dot, value, name, args, final) : this.#field(dot, value, name, [], none)
    return value
  }

  #field(dot: Value, receiver: Value, name: string, args: readonly Operand[], final: Final): Value {
    if (receiver === undefined) {
      if (this.#options.missingKey === 'error') throw new TemplateError(`nil data; no entry for key ${JSON.stringify(name)}`)
      return undefined
    }
    if (receiver === null) throw new TemplateError(`nil pointer evaluating interface {}.${name}`)
    if (receiver instanceof Methods) {
      const method = receiver.methods.get(name)
      if (method !== undefined) return invoke(name, method, this.#arguments(dot, args, final))
    }
    const hasArguments = args.length > 0 || final !== none
    if (isMap(receiver)) {
      if (hasArguments) throw new TemplateError(`${name} is not a method but has arguments`)
      if (receiver.has(name)) return receiver.get(name)
      if (this.#options.missingKey === 'error') throw new TemplateError(`map has no entry for key ${JSON.stringify(name)}`)
      return this.#options.missingKey === 'zero' ? null : undefined
    }
    if (!(receiver instanceof Struct) || !receiver.fields.has(name)) throw new TemplateError(`can't evaluate field ${name} in type ${typeName(receiver)}`)
    if (hasArguments) throw new TemplateError(`${name} has arguments but cannot be invoked as function`)
    return receiver.fields.get(name)
  }

  #function(dot: Value, name: string, args: readonly Operand[], final: Final): Value {
    if (name === 'and' || name === 'or') return this.#shortCircuit(dot, name, args, final)
    const known = this.#options.functions.get(name)
    if (known === undefined) throw new TemplateError(`${JSON.stringify(name)} is not a defined function`)
    return invoke(name, known, this.#arguments(dot, args, final))
  }

  #arguments(dot: Value, args: readonly Operand[], final: Final): Value[] {
    const values = args.map((arg) => this.#operand(dot, arg))
    return final === none ? values : [...values, final]
  }

  /** Stops at the first argument that decides. */
  #shortCircuit(dot: Value, name: 'and' | 'or', args: readonly Operand[], final: Final): Value {
    if (args.length === 0 && final === none) throw new TemplateError(`wrong number of args for ${name}: want at least 1 got 0`)
    let value: Value = null
    for (const arg of args) {
      value = this.#operand(dot, arg)
      if (isTrue(value) === (name === 'or')) return value
    }
    return final === none ? value : final
  }
}

function invoke(name: string, work: TemplateFunction, args: readonly Value[]): Value {
  const [least, most] = work.arity ?? [0, Infinity]
  if (args.length < least || args.length > most) throw new TemplateError(`wrong number of args for ${name}: want ${most === Infinity ? `at least ${least}` : least} got ${args.length}`)
  try {
    return work(...args)
  } catch (error) {
    throw error instanceof TemplateError && error.line === 0 ? new TemplateError(`error calling ${name}: ${error.message}`) : error
  }
}

/** Runs with the line that a message of it will name. */
function located<T>(line: number, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw error instanceof TemplateError && error.line === 0 ? new TemplateError(error.message, line) : error
  }
}

function* entries(over: Value, line: number): Iterable<readonly [Value, Value]> {
  if (over === null || over === undefined) return
  if (isList(over)) for (const [i, item] of over.entries()) yield [BigInt(i), item]
  else if (isMap(over)) for (const key of sortedKeys(over)) yield [key, over.get(key)]
  else if (typeof over === 'bigint') for (let i = 0n; i < over; i++) yield [i, i]
  else throw new TemplateError(`range can't iterate over ${typeof over === 'string' ? over : typeName(over)}`, line)
}
