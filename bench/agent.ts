/**
 * Our agent and another one (of OpenBao or Vault), in turns, with one configuration, against one server: how long it takes until all files are there, and what
 * memory the agent has then and later.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { call } from './api.ts'
import { readUsage } from './processes.ts'
import { spreadOf } from './report.ts'
import { children, cleanEnvironment, ownCommand, pause, start, stop, stopAllAtExit, type Running } from './start.ts'

const help = `Usage: node dist/bench/agent.js --peer COMMAND [options]

  --peer COMMAND      an OpenBao or Vault binary (default: COFFER_BENCH_PEER)
  --ours COMMAND      what to compare with it (default: our own command); a copy of node before it makes PSS comparable
  --templates N,N     each with a secret of its own (default: 20,1000)
  --rounds N          (default: 3)
  --settle SECONDS    before the memory is read (default: 5)
`

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const patienceMs = 120_000

interface Figures {
  /** From the start of the process until the last file is there. */
  readonly milliseconds: number
  readonly cpuSeconds: number
  /** PSS, all that is resident, what is no page of a file, and the most that ever was resident; MiB. */
  readonly memory: readonly [pss: number, rss: number, own: number, peak: number]
}

/** In the words that every agent understands. */
function configOf({ addr }: Running, folder: string, templates: number): string {
  const one = (i: number): string => `template {
  contents    = "{{ with secret \\"secret/data/app-${i}\\" }}{{ .Data.data.user }}:{{ .Data.data.password }}{{ end }}"
  destination = "${folder}/out/${i}"
}`
  const login = `auto_auth {\n  method "token_file" {\n    config = { token_file_path = "${folder}/token" }\n  }\n}`
  return [`vault { address = "${addr}" }`, login, ...Array.from({ length: templates }, (_, i) => one(i))].join('\n')
}

const peakOf = (pid: number): number => Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? Number.NaN) / 1024

async function measure([program = '', ...args]: readonly string[], server: Running, templates: number, settleMs: number): Promise<Figures> {
  const folder = mkdtempSync(join(server.folder, 'agent-'))
  writeFileSync(join(folder, 'token'), server.token, { mode: 0o600 })
  writeFileSync(join(folder, 'agent.hcl'), configOf(server, folder, templates))
  const started = performance.now()
  const child = spawn(program, [...args, 'agent', `-config=${join(folder, 'agent.hcl')}`], { stdio: 'ignore', env: cleanEnvironment, cwd: folder })
  children.add(child)
  child.on('exit', () => children.delete(child))
  try {
    await untilThere(join(folder, 'out'), templates, () => child.exitCode === null)
    const milliseconds = performance.now() - started
    const cpuSeconds = readUsage(child.pid ?? null)?.cpuSeconds ?? Number.NaN
    await pause(settleMs)
    const usage = readUsage(child.pid ?? null)
    const mebibytes = (bytes: number | null | undefined): number => (bytes ?? Number.NaN) / 2 ** 20
    return { milliseconds, cpuSeconds, memory: [mebibytes(usage?.shareBytes), mebibytes(usage?.memoryBytes), mebibytes(usage?.ownBytes), peakOf(child.pid ?? 0)] }
  } finally {
    await stop(child)
    rmSync(folder, { recursive: true, force: true })
  }
}

async function untilThere(folder: string, files: number, isAlive: () => boolean): Promise<void> {
  const count = (): number => {
    try {
      return readdirSync(folder).filter((name) => /^\d+$/.test(name)).length
    } catch {
      return 0 // The agent has not made the folder yet.
    }
  }
  for (const end = Date.now() + patienceMs; count() < files; await pause(5)) if (Date.now() > end || !isAlive()) throw new Error('the agent did not write its files')
}

function formatFigures(name: string, all: readonly Figures[]): string {
  const shown = (pick: (figures: Figures) => number, digits: number): string => {
    const { median, min, max } = spreadOf(all.map(pick))
    return `${median.toFixed(digits)} (${min.toFixed(digits)} to ${max.toFixed(digits)})`
  }
  const [pss, rss, own, peak] = [0, 1, 2, 3].map((i) => shown(({ memory }) => memory[i] ?? Number.NaN, 0))
  return `  ${name.padEnd(8)} all files after ${shown(({ milliseconds }) => milliseconds, 0)} ms, CPU ${shown(({ cpuSeconds }) => cpuSeconds, 2)} s; MiB: PSS ${pss}, RSS ${rss}, own ${own}, peak ${peak}`
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      peer: { type: 'string', default: process.env['COFFER_BENCH_PEER'] ?? '' },
      ours: { type: 'string', default: ownCommand.join(' ') },
      templates: { type: 'string', default: '20,1000' },
      rounds: { type: 'string', default: '3' },
      settle: { type: 'string', default: '5' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help || values.peer === '') return say(help)
  stopAllAtExit()
  const agents = [['coffer', values.ours], ['peer', values.peer]] as const
  const server = await start({ name: 'coffer', command: ownCommand, storage: 'lmdb', extra: '' }, tmpdir())
  try {
    await call(server, 'POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } })
    for (const templates of values.templates.split(',').map(Number)) {
      for (let i = 0; i < templates; i++) await call(server, 'POST', `secret/data/app-${i}`, { data: { user: `user-${i}`, password: 'p'.repeat(32) } })
      const figures = new Map<string, Figures[]>(agents.map(([name]) => [name, []]))
      for (let round = 0; round < Number(values.rounds); round++) {
        for (const [name, command] of agents) figures.get(name)?.push(await measure(command.split(' '), server, templates, Number(values.settle) * 1000))
      }
      say(`${templates} templates`)
      for (const [name, all] of figures) say(formatFigures(name, all))
    }
  } finally {
    await stop(server.child)
    rmSync(server.folder, { recursive: true, force: true })
  }
}

await main()
