/**
 * `npm run docs`: writes `docs/reference/` from the definitions of the API, the command and the configuration. `docs.test.ts` fails when what is
 * committed differs from what the definitions say.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { allVerbs } from '../src/cli/catalog.ts'
import { serverKeys } from '../src/server/config/keys.ts'
import { builtinRegistry } from '../src/server/engines.ts'
import { apiPages, type Page } from './reference-api.ts'
import { cliPage } from './reference-cli.ts'
import { configurationPage } from './reference-config.ts'

const head = `# Reference

Made by \`npm run docs\` from the definitions that the server and the command themselves work by; a test fails when these pages say something else. A running
server tells the same: \`coffer path-help PATH\` for a path, \`GET /v1/sys/internal/specs/openapi\` as OpenAPI 3, \`coffer COMMAND -help\` for a verb.`

const legend = `## How to read the pages

Paths stand below \`/v1/\`. \`{name}\` is one part of a path, \`{path*}\` one part or more.

| Verb | Sent as | Needs the capability |
| --- | --- | --- |
| GET | \`GET\`; fields in the query | \`read\` |
| LIST | \`LIST\`, or \`GET\` with \`?list=true\` | \`list\` |
| SCAN | \`SCAN\`, or \`GET\` with \`?scan=true\` | \`scan\` |
| POST | \`POST\` or \`PUT\`; fields in a JSON object, whatever \`Content-Type\` says of it | \`update\`, or \`create\` where the page says so |
| PATCH | \`PATCH\` with \`Content-Type: application/merge-patch+json\` | \`patch\` |
| DELETE | \`DELETE\` | \`delete\` |

| Type | What may be sent |
| --- | --- |
| text | a text, number or boolean |
| name | letters, digits, \`_\`, and inside also \`-\` and \`.\` |
| integer | a number, or a text with one |
| boolean | \`true\`, \`false\`, \`1\`, \`0\`, or a text with one of these |
| duration | seconds as a number or text, or a text such as \`90s\`, \`15m\`, \`1h30m\`, \`2d\` |
| list of texts | a list, or one text with commas |
| object of texts | an object, or a list of \`key=value\` |
| object, any | JSON as it is |

Fields that a page does not name are ignored with a warning in the answer, except where it says that they are data.

An answer is a JSON object with \`data\`, \`auth\` or \`wrap_info\`, and \`warnings\`; or nothing, with status 204. A refusal is \`{"errors": [...]}\`:

| Status | |
| --- | --- |
| 400 | the request makes no sense; the text names the field or path |
| 403 | no policy allows it, or the token is none |
| 404 | nothing is there; a list without entries; a path that no engine has |
| 405 | the path is there, but not for this verb |
| 412, 409 | somebody else was faster; try again |
| 413, 415, 429 | body too large, wrong \`Content-Type\`, rate limit |
| 500 | a bug or a failing disk: the log has more under the same request id |
| 503 | sealed, or too much at the same time |`

function readmeOf(pages: readonly Page[]): string {
  const rows = pages.map(({ file, title, summary }) => `| [${title}](${file}) | ${summary} |`)
  return `${[head, ['| Page | |', '| --- | --- |', ...rows].join('\n'), legend].join('\n\n')}\n`
}

/** The command first, then what people come for, then the system. */
const ranks = ['The command', 'Configuration', 'Secrets engine', 'Auth method', 'Identity', 'sys']
const rankOf = ({ title }: Page): number => ranks.findIndex((start) => title.startsWith(start))

/** Every page by its file name. */
export async function referencePages(): Promise<ReadonlyMap<string, string>> {
  const commands = await Promise.all(allVerbs().map(async ([, load]) => await load()))
  const pages = [cliPage(commands), configurationPage(serverKeys), ...apiPages(builtinRegistry().all.map(({ engine }) => engine))].toSorted((a, b) => rankOf(a) - rankOf(b) || (a.title < b.title ? -1 : 1))
  return new Map([['README.md', readmeOf(pages)], ...pages.map(({ file, text }): [string, string] => [file, text])])
}

async function writeReference(folder: string): Promise<void> {
  const pages = await referencePages()
  mkdirSync(folder, { recursive: true })
  for (const file of readdirSync(folder)) if (!pages.has(file)) rmSync(join(folder, file))
  for (const [file, text] of pages) writeFileSync(join(folder, file), text)
  process.stdout.write(`${pages.size} pages in ${folder}\n`)
}

if (process.argv[1] === import.meta.filename) await writeReference(join(import.meta.dirname, '../../docs/reference'))
