/**
 * Writes `outcomes.json`: what consul-template makes of the corpus.
 * `node dist/compat/templates/record.js /path/to/consul-template`
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDevServer } from '../server.ts'
import { clientOf, environment, folder, readCorpus, seed, type Outcomes } from './corpus.ts'

const [, , command = 'consul-template'] = process.argv
const server = await startDevServer()
const work = mkdtempSync(join(tmpdir(), 'templates-'))

function outcomeOf(template: string): string | null {
  const [input, output] = [join(work, 'in'), join(work, 'out')]
  rmSync(output, { force: true })
  writeFileSync(input, template)
  const settings = ['-once', '-vault-addr', server.addr, '-vault-token', 'root', '-vault-renew-token=false', '-vault-retry=false', '-template', `${input}:${output}`]
  const { status } = spawnSync(command, settings, { env: { ...environment, PATH: process.env['PATH'] }, timeout: 20_000, stdio: 'ignore' })
  if (status !== 0) return null
  try {
    return readFileSync(output, 'utf8')
  } catch {
    return '' // Nothing came out, and no file is written for that.
  }
}

try {
  await seed(clientOf(server.addr))
  const outcomes: Outcomes = {}
  for (const template of Object.values(readCorpus()).flat()) outcomes[template] = outcomeOf(template)
  writeFileSync(join(folder, 'outcomes.json'), `${JSON.stringify(outcomes, null, 2)}\n`)
} finally {
  rmSync(work, { recursive: true })
  await server.stop()
}
