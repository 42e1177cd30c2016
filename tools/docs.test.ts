/** What is written about the project holds: the reference is that of the definitions, links lead somewhere, no setting is left out. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { serverKeys } from '../src/server/config/keys.ts'
import type { Key, Table } from '../src/server/config/tables.ts'
import { referencePages } from './docs.ts'
import { listFiles } from './source.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const documents = listFiles(root).filter((path) => path.endsWith('.md'))

test('the committed reference is what the definitions give', async () => {
  const pages = await referencePages()
  const folder = join(root, 'docs/reference')
  assert.deepEqual(readdirSync(folder).sort(), [...pages.keys()].sort(), 'run npm run docs')
  for (const [file, text] of pages) {
    if (readFileSync(join(folder, file), 'utf8') !== text) assert.fail(`docs/reference/${file} is out of date: run npm run docs`)
  }
})

test('every operation and every verb stands in the reference', async () => {
  const pages = await referencePages()
  assert.match(pages.get('kv-v2.md') ?? '', /## `data\/\{path\*\}`\n\n- `\{path\}`: .+\n\n### GET\n/)
  assert.match(pages.get('sys-seal.md') ?? '', /## `sys\/unseal`\n\n### POST\n\n.+\n\nNeeds no token\. Answered while sealed/)
  assert.match(pages.get('cli.md') ?? '', /## coffer kv get\n/)
})

/** As GitHub makes them of headings. */
const anchorOf = (heading: string): string => heading.toLowerCase().replaceAll(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-')
const withoutCode = (text: string): string => text.replaceAll(/^```[^]*?^```$/gm, '')
const anchorsOf = (path: string): string[] => [...withoutCode(read(path)).matchAll(/^#+ (.+)$/gm)].map((match) => anchorOf(match[1] ?? ''))

test('every link between documents leads to a file and a heading that are there', () => {
  const broken = documents.flatMap((path) =>
    [...withoutCode(read(path)).matchAll(/\]\(([^)\s]+)\)/g)].flatMap((match) => {
      const [target = '', anchor] = (match[1] ?? '').split('#')
      if (/^(?:https?|mailto):/.test(target)) return []
      const file = target === '' ? path : join(dirname(path), target)
      if (!existsSync(join(root, file))) return [`${path}: ${match[1]}`]
      return anchor === undefined || anchorsOf(file).includes(anchor) ? [] : [`${path}: ${match[1]}`]
    }),
  )
  assert.ok(documents.length > 10)
  assert.deepEqual(broken, [])
})

test('every test that a document names is there', () => {
  const named = documents.flatMap((path) => [...read(path).matchAll(/`([\w/.-]+\.test\.ts)`(?: \(((?:\*[^*]+\*(?:, )?)+)\))?/g)].map(([, file = '', titles = '']) => ({ path, file, titles })))
  const missing = named.flatMap(({ path, file, titles }) => {
    if (!file.includes('/')) return []
    if (!existsSync(join(root, file))) return [`${path}: ${file}`]
    const wanted = [...titles.matchAll(/\*([^*]+)\*/g)].map((match) => match[1] ?? '')
    return wanted.filter((title) => !read(file).includes(title)).map((title) => `${path}: ${file}: ${title}`)
  })
  assert.ok(named.filter(({ titles }) => titles !== '').length > 10)
  assert.deepEqual(missing, [])
})

/** Every key of a table and of the tables in it, also those without effect. */
const keysOf = ({ keys, ignored, refused }: Table): string[] => [
  ...Object.keys(ignored), ...Object.keys(refused),
  ...Object.entries<Key>(keys).flatMap(([name, key]) => {
    if (key.kind === 'section') return keysOf(key.table)
    return key.kind === 'blocks' ? [name, ...Object.values(key.labels).flatMap(keysOf)] : [name]
  }),
]

test('every key of the configuration stands in the reference, and keys in the guide for operators exist', async () => {
  const known = new Set(keysOf(serverKeys))
  const page = (await referencePages()).get('configuration.md') ?? ''
  assert.ok(known.size > 100)
  assert.deepEqual([...known].filter((key) => !new RegExp(`[\`.]${key}\``).test(page)), [])
  const examples = [...read('docs/operations.md').matchAll(/^```hcl\n([^]*?)^```$/gm)].flatMap((match) => [...(match[1] ?? '').matchAll(/^ *(\w+) +(?:=|"|\{)/gm)])
  assert.ok(examples.length > 5)
  const sections = new Set(Object.entries<Key>(serverKeys.keys).filter(([, { kind }]) => kind === 'section').map(([name]) => name))
  assert.deepEqual(examples.map((match) => match[1] ?? '').filter((key) => !known.has(key) && !sections.has(key)), [])
})

test('every variable that the command reads stands in the reference or is explained to operators', () => {
  const text = read('docs/operations.md') + read('docs/reference/cli.md')
  const sources = listFiles(root).filter((path) => /^(?:src\/cli|client\/src)\/.*\.ts$/.test(path) && !path.includes('test')).map(read)
  const names = sources.flatMap((source) => [...source.matchAll(/readVariable\([\w.]+, '(\w+)'\)/g)].map((match) => match[1] ?? ''))
  assert.ok(names.length > 10, 'the variables are not found where they are looked for')
  assert.deepEqual([...new Set(names)].filter((name) => !text.includes(`COFFER_${name}`)), [])
})
