/** Every recorded request gets the recorded answer, or a difference that is written down with its reason. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { differences } from './differences.ts'
import { readRecording, replay, type StepResult } from './replay.ts'
import { projectRoot, startBareServer, startDevServer } from './server.ts'

/** The scenarios of what exists so far; those of other engines join with their engine. */
const scenarios = [
  'acl', 'approle', 'cubbyhole', 'kv1', 'kv2', 'ssh', 'sys-audit', 'sys-auth', 'sys-capabilities', 'sys-init-seal', 'sys-leases',
  'sys-misc', 'sys-mounts', 'sys-policies', 'sys-tools', 'sys-wrapping', 'token', 'totp', 'transit-encrypt', 'transit-keys', 'transit-sign',
  'transit-transfer', 'transport', 'userpass',
]

function checkStep({ title, diffs }: StepResult, reason: string | undefined): void {
  if (reason === undefined) assert.ok(diffs.length === 0, `"${title}" is answered otherwise:\n  ${diffs.join('\n  ')}`)
  else assert.ok(diffs.length > 0, `"${title}" is answered as recorded now; take it out of differences.ts`)
}

for (const name of scenarios) {
  test(`${name}: every answer is the recorded one`, async (t) => {
    const recording = readRecording(name)
    const server = recording.bare ? await startBareServer() : await startDevServer()
    const results = await replay(recording, server).finally(() => server.stop())
    for (const result of results) await t.test(`${name} > ${result.title}`, () => checkStep(result, differences[name]?.[result.title]))
  })
}

test('every difference names a step that exists, and is in the README with its reason', () => {
  const readme = readFileSync(join(projectRoot, 'compat/README.md'), 'utf8')
  for (const [name, steps] of Object.entries(differences)) {
    const titles = new Set(scenarios.includes(name) ? readRecording(name).steps.map(({ title }) => title) : [])
    for (const [title, reason] of Object.entries(steps)) {
      assert.ok(titles.has(title), `${name} has no step "${title}"`)
      assert.ok(readme.includes(`| ${name} | ${title} | ${reason} |\n`), `compat/README.md does not list ${name}, "${title}"`)
    }
  }
})
