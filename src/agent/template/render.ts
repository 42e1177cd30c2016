/** Renders templates in the language of consul-template. */
import { compileTemplate } from '../../kit/template/template.ts'
import { fixed, TemplateError, type TemplateFunction } from '../../kit/template/values.ts'
import { ofTexts, text, texts } from './arguments.ts'
import { askingFunctions, Questions, type Known, type Question } from './asking.ts'
import { collectionFunctions, scratchPad } from './collections.ts'
import { encodingFunctions } from './encoding.ts'
import { numberFunctions } from './numbers.ts'
import { sprigFunctions } from './sprig.ts'
import { stringFunctions } from './strings.ts'
import { formatTime } from './time.ts'

/** What a template may see of the machine. */
export interface TemplateWorld {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Throws where the file cannot be read, or may not be. */
  readonly readFile: (path: string) => string
  /** Throws where the file cannot be written, or may not be. */
  readonly writeFile: (path: string, request: WriteRequest) => void
}

export interface WriteRequest {
  readonly content: string
  readonly append: boolean
  /** Names or numbers; '' leaves it as it is. */
  readonly user: string
  readonly group: string
  readonly mode: number
}

export interface TemplateText {
  readonly source: string
  readonly left?: string
  readonly right?: string
  /** A key that a map does not have is an error; otherwise it prints `<no value>`. */
  readonly errorOnMissingKey?: boolean
}

export interface Rendered {
  /** Whole only when nothing is missing. */
  readonly text: string
  readonly used: readonly Question[]
  readonly missing: readonly Question[]
}

/** Throws `TemplateError` with the line, unless what failed may be well once the missing answers are known. */
export function renderTemplate(template: TemplateText, known: Known, world: TemplateWorld): Rendered {
  const questions = new Questions(known)
  const rendered = (text: string): Rendered => ({ text, used: [...questions.used.values()], missing: [...questions.missing.values()] })
  const functions = { ...worldFunctions(world), ...askingFunctions(questions), scratch: scratchFunction() }
  const compiled = compileTemplate(template.source, {
    functions,
    library,
    byName: 'executeTemplate',
    missingKey: template.errorOnMissingKey === true ? 'error' : 'zero',
    ...(template.left === undefined ? {} : { left: template.left }),
    ...(template.right === undefined ? {} : { right: template.right }),
  })
  try {
    return rendered(compiled.render(undefined))
  } catch (error) {
    if (error instanceof TemplateError && questions.missing.size > 0) return rendered('')
    throw error
  }
}

function scratchFunction(): TemplateFunction {
  const pad = scratchPad()
  return fixed(0, () => pad)
}

const unsupported = (why: string) => (): never => {
  throw new TemplateError(why)
}

/** Known by name, so that a template that never comes to use them still runs. */
const foreign = Object.fromEntries(
  ['caLeaf', 'caRoots', 'connect', 'datacenters', 'exportedServices', 'key', 'keyExists', 'keyOrDefault', 'ls', 'node', 'nodes', 'partitions', 'peerings', 'safeLs', 'safeTree', 'service', 'services', 'tree', 'byKey', 'byMeta', 'byPort', 'byTag', 'explode']
    .map((name) => [name, unsupported('it asks Consul, which is not supported')])
    .concat(['nomadServices', 'nomadService', 'nomadVarList', 'nomadVarListSafe', 'nomadVar', 'nomadVarExists'].map((name) => [name, unsupported('it asks Nomad, which is not supported')])),
) as Readonly<Record<string, TemplateFunction>>

const pureFunctions: Readonly<Record<string, TemplateFunction>> = {
  ...foreign,
  plugin: unsupported('it runs programs, which templates may not do'),
  sockaddr: unsupported('it is not supported'),
  ...stringFunctions,
  ...encodingFunctions,
  ...numberFunctions,
  ...collectionFunctions,
  ...sprigFunctions,
}

const library: ReadonlyMap<string, TemplateFunction> = new Map(Object.entries(pureFunctions))

function worldFunctions({ environment, now, readFile, writeFile }: TemplateWorld): Readonly<Record<string, TemplateFunction>> {
  const variable = (name: string): string | undefined => (Object.hasOwn(environment, name) ? environment[name] : undefined)
  return {
    env: ofTexts(1, (name) => variable(name) ?? ''),
    envOrDefault: ofTexts(2, (name, fallback) => variable(name) ?? fallback),
    mustEnv: ofTexts(1, (name) => variable(name) || unsupported(`required environment variable ${name} is empty`)()),
    file: ofTexts(1, (path) => (path === '' ? '' : readFile(path))),
    timestamp: (...layouts) => timestamp(now(), texts(layouts)),
    writeToFile: (...args) => {
      if (args.length < 5 || args.length > 6) throw new TemplateError(`wrong number of args: want 5 or 6 got ${args.length}`)
      const [path = '', user = '', group = '', mode = ''] = args.map(text)
      const flags = args.length === 6 ? text(args[4]) : ''
      if (!/^[0-7]{1,4}$/.test(mode)) throw new TemplateError(`the permissions ${JSON.stringify(mode)} are no octal number`)
      const content = text(args.at(-1)) + (flags.includes('newline') ? '\n' : '')
      writeFile(path, { content, append: flags.includes('append'), user, group, mode: Number.parseInt(mode, 8) })
      return ''
    },
  }
}

function timestamp(now: number, layouts: readonly string[]): string {
  if (layouts.length > 1) throw new TemplateError(`timestamp: wrong number of arguments, expected 0 or 1, but got ${layouts.length}`)
  const [layout = '2006-01-02T15:04:05Z07:00'] = layouts
  return layout === 'unix' ? String(Math.floor(now / 1000)) : formatTime(new Date(now), layout)
}
