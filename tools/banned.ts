/** Calls and words that do not belong in the code, each with what to do instead. */
import { lineOf, type Breach, type Source } from './source.ts'

interface Ban {
  readonly pattern: RegExp
  readonly instead: string
  /** Where it is right after all. */
  readonly allowed?: RegExp
}

/** Where a process begins: these read the world (clock, environment, terminal) and hand it on as parameters. */
const hosts = /^src\/server\/host(?:-[\w-]+)?\.ts$|^src\/cli\/(?:main|host|terminal)\.ts$/

/** What decodes JSON: with limits applied before, and errors that name what was malformed. */
const decoders = /^src\/[\w-]+\/(?:[\w-]+\/)*(?:json|records|decode|config|[\w-]+-(?:records|record|config))\.ts$|^client\/src\//

const bans: readonly Ban[] = [
  { pattern: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/g, instead: 'take the clock as a parameter', allowed: hosts },
  { pattern: /\bMath\.random\b/g, instead: 'use randomBytes or randomInt of node:crypto, handed in as a parameter' },
  { pattern: /\bconsole\./g, instead: 'use the log or the output handed in as a parameter' },
  { pattern: /\bprocess\.env\b/g, instead: 'take the environment as a parameter', allowed: hosts },
  { pattern: /\bas any\b|:\s*any\b|<any>/g, instead: 'name the type, or unknown and a check' },
  { pattern: /[\w)\]]!\./g, instead: 'check for undefined' },
  { pattern: /\bJSON\.parse\b/g, instead: 'use the decoder of the layer (limits, exact numbers, an error that names the place)', allowed: decoders },
  { pattern: /\beval\(|\bnew Function\b/g, instead: 'no code from strings' },
]

const bannedEverywhere = /\bas any\b|\]!\./

/** Banned calls in one source. Tests and tools are free to read the clock, the environment and JSON. */
export function checkCalls(source: Source): Breach[] {
  const free = /\.test\.ts$|\/(?:contract|testing)(?:-[\w-]+)?(?:\.ts$|\/)|^(?:tools|bench|compat)\//.test(source.path)
  return bans.flatMap(({ pattern, instead, allowed }) => {
    if (allowed?.test(source.path)) return []
    return [...source.code.matchAll(pattern)].flatMap((match) => {
      if (free && !bannedEverywhere.test(match[0])) return []
      return [{ where: `${source.path}:${lineOf(source.code, match.index)}`, what: `${match[0].trim()}: ${instead}` }]
    })
  })
}

interface BannedWord {
  readonly pattern: RegExp
  readonly why: string
}

const bannedWords: readonly BannedWord[] = [
  { pattern: /\b(?:TODO|FIXME|XXX)\b/, why: 'do it, or open an issue' },
  { pattern: /(?<![\w.}-])\/(?:work|opt\/bao|Users\/\w+)\//, why: 'a path of one machine' },
  { pattern: /\bshared\/(?:reference|design|compat)\b/, why: 'not part of this project' },
  { pattern: /^Co-authored-by:/im, why: 'no such lines' },
]

const textFile = /\.(?:ts|mjs|js|json|md|hcl|http|go|py|sh|yml|yaml|toml|txt)$|^\.ci\/|^(?:Dockerfile|LICENSE)$/
const quoting = /^tools\/(?:banned|tidy\.test)\.ts$|^package-lock\.json$/

/** Banned words in any text file of the project. */
export function checkWords(path: string, text: string): Breach[] {
  if (!textFile.test(path) || quoting.test(path)) return []
  return bannedWords.flatMap(({ pattern, why }) => {
    const match = pattern.exec(text)
    return match ? [{ where: `${path}:${lineOf(text, match.index)}`, what: `${match[0]}: ${why}` }] : []
  })
}
