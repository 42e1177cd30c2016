import assert from 'node:assert/strict'
import { isAscii } from 'node:buffer'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { bootIn } from './boot.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coffer-boot-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const bundle = (name: string, text: string): void => writeFileSync(join(folder, name), text)
/** What a process of its own gets of the bundle, and whether it had to compile it: then there is code to keep, which is written anew. */
function run(name: string, role = 'main'): { readonly value: unknown; readonly wasKept: boolean } {
  const before = stamps()
  const script = `import { bootIn } from ${JSON.stringify(new URL('./boot.js', import.meta.url).href)}
    const boot = bootIn(${JSON.stringify(folder)}, ${JSON.stringify(role)})
    process.stdout.write(JSON.stringify(boot.load(${JSON.stringify(name)}).value()))
    boot.keep()`
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return { value: JSON.parse(stdout), wasKept: before !== '' && before === stamps() }
}

const kept = (): string[] => {
  try {
    return readdirSync(join(folder, 'compiled')).toSorted()
  } catch {
    return []
  }
}
/** A file that is replaced is another one. */
const stamps = (): string => kept().map((name) => `${name} ${statSync(join(folder, 'compiled', name)).ino}`).join('\n')

test('a bundle that was compiled once is not compiled again by this Node', () => {
  bundle('one.cjs', 'exports.value = () => [1, __filename, typeof require("node:fs").readFileSync]')
  const expected = [1, join(folder, 'one.cjs'), 'function']
  assert.deepEqual(run('one.cjs'), { value: expected, wasKept: false })
  assert.deepEqual(kept(), [`one.cjs-main-${process.version}-${process.arch}`])
  assert.deepEqual(run('one.cjs'), { value: expected, wasKept: true })
})

test('bundles share each other, are run once, and may go in a circle', () => {
  bundle('one.cjs', 'let n = 0; exports.next = () => ++n; exports.value = () => [require("./two.cjs").value(), exports.next()]')
  bundle('two.cjs', 'const one = require("./one.cjs"); exports.value = () => one.next()')
  assert.deepEqual([run('one.cjs').value, run('one.cjs')], [[1, 2], { value: [1, 2], wasKept: true }])
})

test('a bundle of the same length and another text is not served with the code of before', () => {
  bundle('one.cjs', 'exports.value = () => "old"')
  run('one.cjs')
  bundle('one.cjs', 'exports.value = () => "new"')
  assert.deepEqual(run('one.cjs'), { value: 'new', wasKept: false })
  assert.deepEqual(run('one.cjs'), { value: 'new', wasKept: true })
})

test('damaged code is passed over, and replaced', () => {
  bundle('one.cjs', 'exports.value = () => "whole"')
  run('one.cjs')
  const file = join(folder, 'compiled', kept()[0] ?? '')
  const whole = readFileSync(file)
  for (const damaged of [whole.subarray(0, 40), whole.subarray(0, -1), Buffer.alloc(0), flipped(whole, 0), flipped(whole, 40), flipped(whole, whole.length - 9)]) {
    writeFileSync(file, damaged)
    assert.deepEqual(run('one.cjs'), { value: 'whole', wasKept: false })
    assert.deepEqual(run('one.cjs'), { value: 'whole', wasKept: true })
  }
})

const flipped = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

test('processes with other options of V8 keep code of their own', () => {
  bundle('one.cjs', 'exports.value = () => 1')
  run('one.cjs')
  assert.deepEqual([run('one.cjs', 'worker').wasKept, run('one.cjs', 'worker').wasKept, run('one.cjs').wasKept], [false, true, true])
})

test('where nothing can be kept, bundles run all the same, and nothing is left lying about', () => {
  bundle('one.cjs', 'exports.value = () => 1')
  // A file where the folder should be: also for root.
  writeFileSync(join(folder, 'compiled'), '')
  const boot = bootIn(folder, 'main')
  assert.equal((boot.load('one.cjs') as { value: () => number }).value(), 1)
  boot.keep()
  assert.deepEqual(readdirSync(folder).toSorted(), ['compiled', 'one.cjs'])
})

test('what is kept is as readable as the bundles, and only its owner may write it', () => {
  bundle('one.cjs', 'exports.value = () => 1')
  chmodSync(folder, 0o755)
  run('one.cjs')
  assert.equal(statSync(join(folder, 'compiled', kept()[0] ?? '')).mode & 0o022, 0)
})

test('a package that is rarely used is loaded when something of it is first asked for, once', () => {
  const place = join(folder, 'node_modules', 'yaml')
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'index.js'), 'globalThis.loads = (globalThis.loads ?? 0) + 1; exports.parse = (text) => text + "!"')
  bundle('one.cjs', 'const yaml = require("yaml"); exports.value = () => [globalThis.loads ?? 0, yaml.parse("a"), yaml.parse("b"), globalThis.loads]')
  assert.deepEqual(run('one.cjs').value, [0, 'a!', 'b!', 1])
})

test('the bundles are ASCII throughout: V8 keeps any other text at two bytes for each character', () => {
  const dist = join(import.meta.dirname, '../..')
  const bundles = readdirSync(dist).filter((name) => name.endsWith('.cjs'))
  assert.ok(bundles.includes('server-more.cjs'))
  assert.deepEqual(bundles.filter((name) => !isAscii(readFileSync(join(dist, name)))), [])
})
