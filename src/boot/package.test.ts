import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'

let folder = ''
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'coffer-package-')))
  file('lmdb/package.json', { name: 'lmdb', version: '1.0.0', main: 'dist/index.cjs' })
  file('lmdb/dist/index.cjs', `
    const helper = require('helper'), { later } = require('./part.js')
    exports.parts = [helper.name, later(), require('./data.json').n, require('./dynamic' + '.js').n, this === module.exports, __filename, typeof require.resolve]
    exports.again = require('helper') === helper`)
  // In a circle, and not in ASCII.
  file('lmdb/dist/part.js', "const index = require('./index.cjs'); exports.later = () => index.parts === undefined ? 'ü' : 'late'")
  file('lmdb/dist/data.json', { n: 7 })
  file('lmdb/dist/dynamic.js', 'exports.n = 8')
  file('helper/package.json', { name: 'helper', version: '1.0.0', main: 'old.js' })
  file('helper/old.js', "exports.name = 'old'")
  writeFileSync(join(folder, 'one.cjs'), `const { parts, again } = require("lmdb")
    exports.value = () => ({ parts, again, byNode: Object.keys(require("node:module")._cache).map((path) => path.split("/").at(-1)) })`)
})
afterEach(() => {
  chmodSync(folder, 0o700)
  rmSync(folder, { recursive: true, force: true })
})

function file(name: string, content: string | object): void {
  const path = join(folder, 'node_modules', name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
}

interface Seen {
  readonly parts: readonly unknown[]
  readonly again: boolean
  /** Files that Node itself has loaded. */
  readonly byNode: readonly string[]
}

/** In a process of its own. */
function run(): Seen {
  const script = `import { bootIn } from ${JSON.stringify(new URL('./boot.js', import.meta.url).href)}
    const boot = bootIn(${JSON.stringify(folder)}, 'main')
    process.stdout.write(JSON.stringify(boot.load('one.cjs').value()))
    boot.keep()`
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout) as Seen
}

const expected = (): unknown[] => ['old', 'ü', 7, 8, true, join(folder, 'node_modules/lmdb/dist/index.cjs'), 'function']
const kept = (): string => join(folder, 'compiled')
const isFound = ({ byNode }: Seen): boolean => !byNode.includes('index.cjs')

test('a package of many files is found by Node once; later starts take the same files, and compile them once', () => {
  const [first, second] = [run(), run()]
  assert.deepEqual([first.parts, first.again, isFound(first)], [expected(), true, false])
  assert.deepEqual([second.parts, second.again, second.byNode.toSorted()], [expected(), true, ['data.json', 'dynamic.js']])
  const stamps = (): unknown[] => readdirSync(kept()).map((name) => [name, statSync(join(kept(), name)).ino])
  const before = stamps()
  assert.deepEqual(run(), second)
  assert.deepEqual(stamps(), before)
})

test('where a package was replaced by another version, Node finds it anew, once', () => {
  run()
  file('helper/package.json', { name: 'helper', version: '1.0.1', main: 'new.js' })
  file('helper/new.js', "exports.name = 'new'")
  const seen = [run(), run()]
  assert.deepEqual(seen.map((one) => [one.parts[0], isFound(one)]), [['new', false], ['new', true]])
})

test('a file with another text, or one that is gone, is never answered with what was kept', () => {
  run()
  run()
  file('helper/old.js', "exports.name = 'OLD'")
  assert.deepEqual(run().parts[0], 'OLD')
  rmSync(join(folder, 'node_modules/helper/old.js'))
  file('helper/index.js', "exports.name = 'index'")
  assert.deepEqual([run(), run()].map((one) => [one.parts[0], isFound(one)]), [['index', false], ['index', true]])
})

test('what was kept and is damaged is passed over, and replaced', () => {
  run()
  for (const name of readdirSync(kept()).filter((one) => one.startsWith('lmdb.files'))) {
    const path = join(kept(), name)
    const whole = readFileSync(path)
    for (const damaged of [Buffer.alloc(0), whole.subarray(0, -1), Buffer.concat([whole, Buffer.from('x')]), Buffer.from(whole.map((byte, i) => (i === 40 ? byte ^ 1 : byte)))]) {
      writeFileSync(path, damaged)
      assert.deepEqual([run(), run()].map((one) => [one.parts, isFound(one)]), [[expected(), false], [expected(), true]])
    }
  }
})

test('where nothing can be kept, Node finds it each time', () => {
  writeFileSync(kept(), '')
  assert.deepEqual([run(), run()].map((one) => [one.parts, isFound(one)]), [[expected(), false], [expected(), false]])
})
