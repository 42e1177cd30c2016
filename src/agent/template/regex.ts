/** Regular expressions as Go writes them (RE2), run by JavaScript's engine. Whoever writes a template is trusted: a slow expression slows that template. */
import { TemplateError } from '../../kit/template/values.ts'

const classes: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z', alpha: 'A-Za-z', ascii: '\\x00-\\x7F', blank: '\\t ', cntrl: '\\x00-\\x1F\\x7F', digit: '0-9', graph: '!-~', lower: 'a-z',
  print: ' -~', punct: '!-\\/:-@\\[-`{-~', space: '\\t\\n\\v\\f\\r ', upper: 'A-Z', word: '0-9A-Za-z_', xdigit: '0-9A-Fa-f',
}
const compiled = new Map<string, RegExp>()

/** Throws where the expression is malformed, or uses what only RE2 has. */
function compileRegex(source: string): RegExp {
  const known = compiled.get(source)
  if (known !== undefined) return known
  const [, written = ''] = /^\(\?([imsU]+)\)/.exec(source) ?? []
  if (written.includes('U')) throw new TemplateError(`error parsing regexp: the flag U is not supported: \`${source}\``)
  const body = (written === '' ? source : source.slice(written.length + 3))
    .replaceAll('(?P<', '(?<')
    .replaceAll(/\[:(\^?)(\w+):\]/g, (all, not: string, name: string) => (not === '' ? (classes[name] ?? all) : all))
    .replaceAll(/\\([AzQE])/g, (all, letter: string) => ({ A: '^', z: '$' })[letter] ?? all)
  try {
    const made = new RegExp(body, `gu${written}`)
    if (compiled.size < 1000) compiled.set(source, made)
    return made
  } catch (error) {
    throw new TemplateError(`error parsing regexp: ${(error as Error).message}`)
  }
}

export const regexMatch = (expression: string, value: string): boolean => value.search(compileRegex(expression)) !== -1

/** `$1`, `${1}`, `$name` in the replacement stand for groups; `$$` for a dollar. The longest name counts. */
export function regexReplaceAll(expression: string, replacement: string, value: string): string {
  return value.replaceAll(compileRegex(expression), (...found: unknown[]) => {
    const names = typeof found.at(-1) === 'object' ? (found.at(-1) as Readonly<Record<string, string | undefined>>) : {}
    return replacement.replaceAll(/\$(?:\$|(\w+)|\{(\w+)\})/g, (_, bare: string | undefined, braced: string | undefined) => {
      const name = bare ?? braced
      if (name === undefined) return '$'
      const group = /^\d+$/.test(name) ? found[Number(name)] : names[name]
      return typeof group === 'string' ? group : ''
    })
  })
}
