/** `debug`: what somebody who helps wants to see, in one file. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { ClientError } from '../../../client/src/errors.ts'
import type { Api } from '../api.ts'
import { defineCommand } from '../command.ts'
import { packTar, type TarFile } from '../../kit/tar.ts'
import { debugTargets } from '../debug/targets.ts'
import { describeError } from '../describe-failure.ts'
import { remoteError, usageError } from '../failure.ts'
import { choiceOfBool, duration, list, text, withDefault } from '../flags.ts'
import { formatJson } from '../output/json.ts'

export const command = defineCommand({
  name: 'debug',
  summary: 'Collect the state of a server in one file',
  description:
    'Asks for status, configuration, host, metrics, requests and counters, and packs the answers. There are no secrets in it, but names ' +
    'of mounts: look it through before giving it away. What the token may not read is left out, and the index says so.',
  examples: [
    ['One look:', 'debug'],
    ['For five minutes, every thirty seconds, metrics and requests only:', 'debug -duration=5m -target=metrics -target=requests'],
  ],
  flags: {
    duration: withDefault(duration('How long to look. Default: once.'), 0),
    interval: withDefault(duration('Time between two looks, in seconds.'), 30),
    target: list('What to collect. May be given several times. Default: everything.', { values: Object.keys(debugTargets) }),
    output: text('File or folder to write. Default: coffer-debug-TIME.tar.gz here.', { values: 'file' }),
    compress: withDefault(choiceOfBool('A tar.gz; -compress=false: a folder.'), true),
  },
  async run(session) {
    const { flags, host, print } = session
    const targets = flags.target ?? Object.keys(debugTargets)
    const unknown = targets.find((target) => !Object.hasOwn(debugTargets, target))
    if (unknown !== undefined) throw usageError(`Unknown target: ${unknown}. Targets are ${Object.keys(debugTargets).join(', ')}.`)
    const api = await session.api()
    const started = host.now()
    const stamp = (at: number): string => new Date(at).toISOString().replace(/\..*$/, 'Z').replaceAll(':', '-')
    const name = `coffer-debug-${stamp(started)}`
    const files: TarFile[] = []
    const notes: Note[] = []
    for (;;) {
      const folder = flags.duration > 0 ? `${name}/${stamp(host.now())}` : name
      for (const target of targets) await collect(api, target, folder, files, notes)
      if (host.now() + flags.interval * 1000 > started + flags.duration * 1000) break
      await pause(flags.interval * 1000)
    }
    if (notes.every(({ error }) => error !== undefined)) throw remoteError(`Nothing could be collected: ${notes[0]?.error ?? ''}`)
    const [began, ended] = [started, host.now()].map((at) => new Date(at).toISOString())
    const index = { address: api.address, started: began, ended, requests: notes }
    files.unshift({ name: `${name}/index.json`, bytes: Buffer.from(`${formatJson(index)}\n`) })
    const output = flags.output ?? (flags.compress ? `${name}.tar.gz` : name)
    if (flags.compress) writeFileSync(output, gzipSync(packTar(files, Math.floor(started / 1000))), { mode: 0o600 })
    else writeFolder(output, name, files)
    print.line(`Success! ${files.length} files in: ${output}`)
  },
})

interface Note {
  readonly file: string
  readonly path: string
  readonly error: string | undefined
}

async function collect(api: Api, target: string, folder: string, files: TarFile[], notes: Note[]): Promise<void> {
  for (const { file, path, query } of debugTargets[target] ?? []) {
    const name = `${folder}/${file}`
    try {
      const answer = await api.sendOk('GET', path, { query })
      files.push({ name, bytes: answer.bytes })
      notes.push({ file: name, path, error: undefined })
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      if (error.status === 0) throw remoteError(describeError(error))
      notes.push({ file: name, path, error: `${error.status} ${error.errors.join('; ')}` })
    }
  }
}

function writeFolder(output: string, root: string, files: readonly TarFile[]): void {
  for (const { name, bytes } of files) {
    const path = join(output, name.slice(root.length + 1))
    mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 })
    writeFileSync(path, bytes, { mode: 0o600 })
  }
}
