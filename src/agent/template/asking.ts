/**
 * What a template asks of the server. A template runs from start to end without waiting: what is not known yet is noted as missing and taken for
 * nothing, and the template runs again once it is known.
 */
import { fixed, TemplateError, type TemplateFunction, type Value } from '../../kit/template/values.ts'
import { text } from './arguments.ts'

export interface Question {
  readonly kind: 'read' | 'write' | 'list' | 'certificate'
  /** Without a slash at either end. */
  readonly path: string
  /** Of a write and of a certificate: what is sent. */
  readonly data: Readonly<Record<string, string>>
}

/** The same question has the same name. */
export const nameOf = ({ kind, path, data }: Question): string => `${kind} ${path} ${JSON.stringify(Object.entries(data).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`

/** What is known by now, by `nameOf`. */
export type Known = ReadonlyMap<string, Value>

/** The questions of one run. */
export class Questions {
  readonly #known: Known
  readonly used = new Map<string, Question>()
  readonly missing = new Map<string, Question>()

  constructor(known: Known) {
    this.#known = known
  }

  ask(question: Question, unknown: Value): Value {
    const name = nameOf(question)
    this.used.set(name, question)
    if (this.#known.has(name)) return this.#known.get(name)
    this.missing.set(name, question)
    return unknown
  }
}

const trimmed = (path: string): string => path.replace(/^\/+|\/+$/g, '')

function pairs(args: readonly Value[]): Record<string, string> {
  const data: Record<string, string> = {}
  for (const arg of args.map(text)) {
    if (arg === '') continue
    const cut = arg.indexOf('=')
    if (cut === -1) throw new TemplateError(`not k=v pair ${JSON.stringify(arg)}`)
    data[arg.slice(0, cut).trim()] = arg.slice(cut + 1).trim()
  }
  return data
}

export function askingFunctions(questions: Questions): Readonly<Record<string, TemplateFunction>> {
  const asked = (kindOf: (hasData: boolean) => Question['kind']): TemplateFunction => (...args) => {
    const [path, ...rest] = args
    if (path === undefined) return null
    return questions.ask({ kind: kindOf(rest.length > 0), path: trimmed(text(path)), data: pairs(rest) }, null)
  }
  return {
    secret: asked((hasData) => (hasData ? 'write' : 'read')),
    secrets: fixed(1, (path) => (text(path) === '' ? [] : questions.ask({ kind: 'list', path: trimmed(text(path)), data: {} }, []))),
    pkiCert: asked(() => 'certificate'),
  }
}
