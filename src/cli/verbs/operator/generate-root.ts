/** `operator generate-root`: a new root token, by a quorum of those who hold unseal keys. */
import { exactObject, type ExactObject } from '../../../../client/src/exact-json.ts'
import type { Api } from '../../api.ts'
import { defineCommand, type Session } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { usageError } from '../../failure.ts'
import { bool, text } from '../../flags.ts'
import { decodeToken, generatePad } from '../../operator/one-time-pad.ts'
import { readPgpKeys } from '../../operator/pgp-keys.ts'
import { readKey } from '../../operator/unseal-key.ts'
import type { Printer } from '../../output/printer.ts'
import { formatColumns, wrap } from '../../output/table.ts'
import { formatValue } from '../../output/value.ts'
import { textOf } from '../../secret.ts'

interface Flags {
  readonly init: boolean
  readonly cancel: boolean
  readonly status: boolean
  readonly decode: string | undefined
  readonly 'generate-otp': boolean
  readonly otp: string | undefined
  readonly 'pgp-key': string | undefined
  readonly nonce: string | undefined
}

const attempt = 'sys/generate-root/attempt'

export const command = defineCommand({
  name: 'operator generate-root',
  summary: 'Generate a new root token',
  arguments: '[KEY]',
  description:
    'Somebody starts with -init, and gets a one-time password. Then those who hold unseal keys each give theirs. The last one gets ' +
    'the token encoded; -decode with the one-time password shows it.',
  examples: [
    ['Start:', 'operator generate-root -init'],
    ['Each of those who hold a key:', 'operator generate-root'],
    ['At the end:', 'operator generate-root -decode=ENCODED -otp=PASSWORD'],
  ],
  flags: {
    init: bool('Begin.'),
    cancel: bool('Give up, and forget the keys given so far.'),
    status: bool('Show how far it is.'),
    decode: text('The encoded token to decode; - reads it from stdin.'),
    'generate-otp': bool('Print a one-time password for -init.'),
    otp: text('The one-time password.'),
    'pgp-key': text('File with a public PGP key to encrypt the token for, instead of a one-time password.', { values: 'file' }),
    nonce: text('The number of the attempt, when the key is given as an argument.'),
  },
  output: ['format'],
  args: { min: 0, max: 1 },
  async run(session) {
    const { flags, print } = session
    if (flags.decode !== undefined) return printDecoded(session, flags.decode)
    const api = await session.api()
    if (flags['generate-otp']) return printPad(session, api)
    if (flags.cancel) {
      await step('Error canceling root token generation', () => api.delete(attempt))
      return print.line('Success! Root token generation canceled (if it was started)')
    }
    if (flags.init) return printStatus(print, await begin(api, flags))
    return printStatus(print, flags.status ? await readStatus(api) : await giveKey(session, api))
  },
})

async function printDecoded(session: Session<Flags>, given: string): Promise<void> {
  if (!session.flags.otp) throw usageError('Missing otp: use -otp to supply it')
  const encoded = given === '-' ? await session.readInput() : given
  if (encoded.trim() === '') throw usageError('Missing encoded value: use -decode=<string>, or -decode=- with the value on stdin')
  const token = decodeToken(encoded, session.flags.otp)
  if (session.print.isTable) session.print.bare(token)
  else await session.print.data({ token })
}

async function printPad(session: Session<Flags>, api: Api): Promise<void> {
  const length = Number((await readStatus(api))['otp_length'] ?? 0)
  const otp = generatePad(length)
  if (session.print.isTable) session.print.bare(otp)
  else await session.print.data({ otp, otp_length: otp.length })
}

const readStatus = async (api: Api): Promise<ExactObject> =>
  (await step('Error getting root generation status', () => api.read(attempt)))?.data ?? exactObject()

async function begin(api: Api, flags: Flags): Promise<ExactObject> {
  if (flags.otp && flags['pgp-key']) throw usageError('Error initializing: cannot specify both -otp and -pgp-key')
  const key = flags['pgp-key'] ? readPgpKeys([flags['pgp-key']], 'pgp-key')[0] : ''
  const body = { otp: flags.otp ?? '', pgp_key: key }
  return (await step('Error initializing root generation', () => api.write(attempt, body)))?.data ?? exactObject()
}

async function giveKey(session: Session<Flags>, api: Api): Promise<ExactObject> {
  const status = await readStatus(api)
  if (status['started'] !== true) {
    const start = `${session.host.program} operator generate-root -init`
    throw usageError(wrap(`No root generation is in progress. Start a root generation by running "${start}".`))
  }
  const asked = session.args.length === 0
  const key = await readKey(session, session.args[0], 'Unseal Key', `Operation nonce: ${textOf(status['nonce'])}\n`)
  const nonce = asked ? textOf(status['nonce']) : session.flags.nonce
  if (!nonce) throw usageError('Missing nonce value: specify it via the -nonce flag')
  return (await step('Error posting unseal key', () => api.write('sys/generate-root/update', { key, nonce })))?.data ?? exactObject()
}

const names = [
  'nonce',
  'started',
  'progress',
  'required',
  'complete',
  'encoded_token',
  'encoded_root_token',
  'pgp_fingerprint',
  'otp',
  'otp_length',
]

async function printStatus(print: Printer, status: ExactObject): Promise<void> {
  if (!print.isTable) return print.data(Object.fromEntries(names.map((name) => [name, status[name] ?? ''])))
  const row = (title: string, name: string): string[][] => (status[name] ? [[title, formatValue(status[name])]] : [])
  const token = status['encoded_token'] ? row('Encoded Token', 'encoded_token') : row('Encoded Root Token', 'encoded_root_token')
  if (status['otp']) print.warn(wrap(padNotice))
  print.line(
    formatColumns([
      ['Nonce', textOf(status['nonce'])],
      ['Started', formatValue(status['started'])],
      ['Progress', `${formatValue(status['progress'])}/${formatValue(status['required'])}`],
      ['Complete', formatValue(status['complete'])],
      ...row('PGP Fingerprint', 'pgp_fingerprint'),
      ...token,
      ...row('OTP', 'otp'),
      ...(Number(status['otp_length'] ?? 0) > 0 ? row('OTP Length', 'otp_length') : []),
    ]),
  )
}

const padNotice =
  'Keep the one-time password (OTP) below: without it nobody can read the token that comes out at the end. It is not shown again.'
