/** Each house rule finds the breach it is for, and leaves good code alone. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkCalls, checkWords } from './banned.ts'
import { checkManifest } from './dependencies.ts'
import { checkCircles, checkLayers } from './layers.ts'
import { listFiles, maskLiterals, parseSource } from './source.ts'
import { checkModule, checkSizes, checkUnusedExports } from './tidy.ts'

const calls = (text: string, path = 'src/core/x.ts'): string[] => checkCalls(parseSource(path, text)).map(({ what }) => what.split(':')[0] ?? '')
const layers = (path: string, target: string): number => checkLayers(parseSource(path, `import { x } from '${target}'\n`)).length
const functions = (text: string): string[] => parseSource('src/core/x.ts', text).functions.map(({ name, lines }) => `${name} ${lines}`)

test('comments and literals are blanked out, and keep their length', () => {
  const text = "a // b\nc /* d\n e */ f('g\\'h') + `i${j({ k: `l` })}m` / /n\\/[/'o]/.test(p)"
  const code = maskLiterals(text)
  assert.equal(code.length, text.length)
  assert.match(code, /^a +\nc +\n +f\(' +'\) \+ ` +` \/ \/ +\/\.test\(p\)$/)
})

test('a banned call is found in code, and not in texts and comments', () => {
  assert.deepEqual(calls('const t = Date.now()'), ['Date.now'])
  assert.deepEqual(calls("log('Date.now') // Math.random\n"), [])
  assert.deepEqual(calls('const x = y as any\nconst e = process.env\nlist[0]!.x()'), ['process.env', 'as any', ']!.'])
})

test('clock, environment and output are read where a process begins, in tools and in tests', () => {
  for (const path of ['src/server/host.ts', 'src/cli/main.ts', 'tools/x.ts', 'src/core/x.test.ts']) {
    assert.deepEqual(calls('const t = Date.now() + process.env.A', path), [], path)
  }
})

test('JSON.parse belongs to decoders', () => {
  assert.deepEqual(calls('JSON.parse(x)'), ['JSON.parse'])
  assert.deepEqual(calls('JSON.parse(x)', 'src/kit/json.ts'), [])
})

test('an import may only point down the layers', () => {
  assert.equal(layers('src/core/mounts.ts', '../kit/errors.ts'), 0)
  assert.equal(layers('src/core/mounts.ts', '../request/serve.ts'), 1)
  assert.equal(layers('src/core/mounts.ts', 'node:crypto'), 0)
})

test('engines and auth methods import crypto and kit only', () => {
  assert.equal(layers('src/engines/kv/index.ts', '../../kit/errors.ts'), 0)
  assert.equal(layers('src/engines/kv/index.ts', '../../core/mounts.ts'), 1)
  assert.equal(layers('src/auth/userpass/index.ts', '../../engines/kv/index.ts'), 1)
})

test('the client and the kit import nothing, not even Node', () => {
  assert.equal(layers('client/src/client.ts', '../../src/kit/errors.ts'), 1)
  assert.equal(layers('client/src/client.ts', 'node:http'), 1)
  assert.equal(layers('src/kit/errors.ts', 'node:crypto'), 1)
})

test('a file outside of every layer is a breach', () => {
  assert.equal(checkLayers(parseSource('src/utils/x.ts', '')).length, 1)
})

test('a circle of imports is found, a diamond is none', () => {
  const source = (path: string, ...targets: string[]) => parseSource(path, targets.map((target) => `import '${target}'`).join('\n'))
  const diamond = [source('src/kit/a.ts', './b.ts', './c.ts'), source('src/kit/b.ts', './d.ts'), source('src/kit/c.ts', './d.ts'), source('src/kit/d.ts')]
  assert.deepEqual(checkCircles(diamond), [])
  const circle = checkCircles([...diamond.slice(0, 3), source('src/kit/d.ts', './a.ts')])
  assert.match(circle[0]?.what ?? '', /a\.ts > .*b\.ts > .*d\.ts > .*a\.ts/)
})

test('functions of all forms are measured, other brackets are not', () => {
  assert.deepEqual(functions('function a(): Promise<{ b: string }> {\n}\n'), ['a 2'])
  assert.deepEqual(functions('const a = async (b: { c: number }): Promise<void> => {\n\n}'), ['a 3'])
  assert.deepEqual(functions('class A {\n  b(c: string): asserts c is "d" {\n  }\n}'), ['b 2'])
  assert.deepEqual(functions('list.map((x) => {\n})\nif (a) {\n}\nconst b = { c: d ? e(f) : { g } }'), ['anonymous 2'])
  assert.deepEqual(functions('function a(): b | null {\n}\n\nexport class C {\n  d = 1\n}'), ['a 2'])
  assert.deepEqual(functions('function a(): { b: c } {\n}'), ['a 2'])
  assert.deepEqual(functions('for (const a of b(c)) {\n}\nswitch (a) {\n}\ninterface B {\n}\ntry {\n} catch (e) {\n}'), [])
})

test('a file of 401 lines and a function of 71 lines are too long', () => {
  assert.equal(checkSizes(parseSource('src/core/x.ts', 'x\n'.repeat(400))).length, 0)
  assert.equal(checkSizes(parseSource('src/core/x.ts', 'x\n'.repeat(401))).length, 1)
  assert.equal(checkSizes(parseSource('src/core/x.ts', `function a() {\n${'x\n'.repeat(68)}}\n`)).length, 0)
  assert.equal(checkSizes(parseSource('src/core/x.ts', `function a() {\n${'x\n'.repeat(69)}}\n`)).length, 1)
})

test('default exports, barrel files and files without a purpose are found', () => {
  const breaches = (text: string): number => checkModule(parseSource('src/core/x.ts', text)).length
  assert.equal(breaches('/** Purpose. */\nexport const a = 1\n'), 0)
  assert.equal(breaches('export const a = 1\n'), 1)
  assert.equal(breaches('// Purpose.\nexport default 1\n'), 1)
  assert.equal(breaches("// Purpose.\nexport * from './a.ts'\n"), 1)
  assert.equal(breaches("// Purpose.\nexport { a } from './a.ts'\nexport type { B } from './b.ts'\n"), 1)
})

test('an export that no other file mentions is found', () => {
  const a = parseSource('src/kit/a.ts', 'export const used = 1\nexport function unused() {}\n')
  const b = parseSource('src/kit/b.ts', "import { used } from './a.ts'\nused()\n")
  assert.deepEqual(checkUnusedExports([a, b]).map(({ what }) => what.split(' ')[0]), ['unused'])
})

test('open ends and paths of one machine are found in any text file', () => {
  assert.equal(checkWords('docs/x.md', 'FIXME later').length, 1)
  assert.equal(checkWords('docs/x.md', 'see /work/main/x').length, 1)
  assert.equal(checkWords('docs/x.md', 'GET /v1/pki/root/generate and ${addr}/work/x').length, 0)
})

test('a range of versions and an unexplained package are found', () => {
  assert.equal(checkManifest('package.json', { dependencies: { a: '1.2.3' } }, 'a list with `a`').length, 0)
  assert.equal(checkManifest('package.json', { dependencies: { a: '^1.2.3' } }, 'a list with `a`').length, 1)
  assert.equal(checkManifest('package.json', { devDependencies: { a: '1.2.3' } }, '').length, 1)
})

test('the sources are found where they are', () => {
  const files = listFiles(join(import.meta.dirname, '../..'))
  assert.ok(files.includes('src/kit/errors.ts') && files.includes('tools/tidy.ts'))
  assert.ok(!files.some((path) => path.startsWith('node_modules/') || path.startsWith('dist/')))
})
