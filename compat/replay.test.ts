/** Every recorded request gets the recorded answer, or a difference that is written down with its reason. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startPostgres } from '../src/engines/database/testing/postgresql.ts'
import { differences } from './differences.ts'
import { readRecording, replay, type StepResult } from './replay.ts'
import { projectRoot, startBareServer, startDevServer } from './server.ts'

/** The scenarios of what exists so far; those of other engines join with their engine. */
const scenarios = [
  'acl', 'approle', 'cubbyhole', 'database', 'engines-other', 'kv1', 'kv2', 'pki-acme', 'pki-ca', 'pki-revoke', 'pki-roles', 'ssh', 'sys-audit', 'sys-auth', 'sys-capabilities', 'sys-init-seal', 'sys-leases',
  'sys-misc', 'sys-mounts', 'sys-policies', 'sys-tools', 'sys-wrapping', 'token', 'totp', 'transit-encrypt', 'transit-keys', 'transit-sign',
  'transit-transfer', 'transport', 'userpass',
]

function checkStep({ title, diffs }: StepResult, reason: string | undefined): void {
  if (reason === undefined) assert.ok(diffs.length === 0, `"${title}" is answered otherwise:\n  ${diffs.join('\n  ')}`)
  else assert.ok(diffs.length > 0, `"${title}" is answered as recorded now; take it out of differences.ts`)
}

/** What some scenarios need to be there, as their environment names it. Null: it is not installed. */
const surroundings: Readonly<Record<string, () => Promise<Surroundings | null>>> = {
  async database() {
    const db = await startPostgres()
    return db === null ? null : { environment: { PG_URL: db.url, PG_USER: db.admin.username, PG_PASSWORD: db.admin.password }, stop: db.stop }
  },
}
interface Surroundings {
  readonly environment: Readonly<Record<string, string>>
  readonly stop: () => Promise<void>
}

for (const name of scenarios) {
  test(`${name}: every answer is the recorded one`, async (t) => {
    const around = await (surroundings[name] ?? (async () => ({ environment: {}, stop: async () => undefined })))()
    if (around === null) return t.skip('the other server that it needs is not installed')
    Object.assign(process.env, around.environment)
    const recording = readRecording(name)
    const server = recording.bare ? await startBareServer() : await startDevServer()
    const results = await replay(recording, server).finally(() => Promise.all([server.stop(), around.stop()]))
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
