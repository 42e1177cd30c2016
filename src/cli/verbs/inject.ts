/** `inject`: a file with references becomes one with secrets. */
import { readFileSync } from 'node:fs'
import { writeWhole } from '../../agent/files.ts'
import { questionsIn, replaceIn } from '../../agent/inject-text.ts'
import { Secrets } from '../../agent/secrets.ts'
import { agentHost } from '../agent-host.ts'
import { defineCommand } from '../command.ts'
import { connectClient, type HttpValues } from '../connect.ts'
import { usageError } from '../failure.ts'
import { text, withDefault } from '../flags.ts'
import { secretFailure } from '../reference-failure.ts'
import { findToken } from '../saved-token.ts'

export const command = defineCommand({
  name: 'inject',
  summary: 'Replace references in a file by secrets',
  description:
    'Copies a text, with the field of a secret in place of each coffer://PATH#FIELD. A reference ends at the first character that is no letter, digit, _ or -; ' +
    'written as {{ coffer://PATH#FIELD }} it may hold others. Where one of them cannot be read, nothing is written.',
  examples: [
    ['A file for an application:', 'inject -in=app.yaml.in -out=app.yaml'],
    ['Onto the standard output, for a pipe:', 'inject -in=app.yaml.in'],
  ],
  flags: {
    in: withDefault(text('The file with references. Default: the standard input.', { values: 'file' }), ''),
    out: withDefault(text('Where the text goes. Default: the standard output.', { values: 'file' }), ''),
    mode: withDefault(text('Permissions of that file, in octal.'), '0600'),
  },
  async run(session) {
    const { in: from, out: to, mode } = session.flags
    if (!/^0?[0-7]{3}$/.test(mode)) throw usageError('-mode: expected three octal digits, such as 0600')
    const source = from === '' ? await session.readInput() : readSource(from)
    const http = session.flags as unknown as HttpValues
    const token = await findToken(session.host, http.address || 'http://127.0.0.1:8200')
    const client = await connectClient(session.host, http, { token, exactNumbers: true })
    const secrets = new Secrets(() => client, agentHost(session.host, { level: 'warn' }), { staticSeconds: Infinity, leaseThreshold: 1 })
    const made = await secrets.fetch(questionsIn(source)).then(() => replaceIn(source, secrets.known)).catch((error: unknown) => {
      throw secretFailure(error)
    })
    if (to === '') session.host.terminal.out(made)
    else writeWhole({ path: to, content: made, mode: Number.parseInt(mode, 8) })
  },
})

function readSource(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usageError(`-in: ${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`)
  }
}
