/** `operator init`: makes an empty server one that can store secrets. */
import { exactObject, type ExactObject } from '../../../../client/src/exact-json.ts'
import type { Api } from '../../api.ts'
import { defineCommand, type Session } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { bool, integer, list, text } from '../../flags.ts'
import { readPgpKeys } from '../../operator/pgp-keys.ts'
import type { Printer } from '../../output/printer.ts'
import { wrap } from '../../output/table.ts'
import { textOf, textsOf } from '../../secret.ts'

const defaults = { shares: 5, threshold: 3 } as const

interface Flags {
  readonly 'key-shares': number | undefined
  readonly 'key-threshold': number | undefined
  readonly 'pgp-keys': readonly string[] | undefined
  readonly 'root-token-pgp-key': string | undefined
  readonly 'recovery-shares': number | undefined
  readonly 'recovery-threshold': number | undefined
  readonly 'recovery-pgp-keys': readonly string[] | undefined
}

export const command = defineCommand({
  name: 'operator init',
  summary: 'Initialise a server',
  description:
    'Makes the keys and the first root token, and prints them: this is the only time they can be seen. The unseal key is split into ' +
    'shares, of which -key-threshold are needed to unseal. -status asks only: exit code 0 initialised, 1 error, 2 not.',
  examples: [
    ['With five shares, of which three unseal:', 'operator init'],
    ['With one:', 'operator init -key-shares=1 -key-threshold=1'],
    ['Each share for one person only:', 'operator init -key-shares=3 -key-threshold=2 -pgp-keys=ann.asc,ben.asc,cyd.asc'],
  ],
  flags: {
    status: bool('Only tell whether the server is initialised.'),
    'key-shares': integer('How many shares to make. Default: 5.', { aliases: ['n'] }),
    'key-threshold': integer('How many of them unseal. Default: 3.', { aliases: ['t'] }),
    'pgp-keys': list('Files with public PGP keys to encrypt the shares for, one each, separated by commas.', { values: 'file' }),
    'root-token-pgp-key': text('File with the public PGP key to encrypt the root token for.', { values: 'file' }),
    'recovery-shares': integer('Shares of the recovery key; where the server unseals itself. Default: 5.'),
    'recovery-threshold': integer('How many of them are needed. Default: 3.'),
    'recovery-pgp-keys': list('Like -pgp-keys, for shares of the recovery key.', { values: 'file' }),
  },
  output: ['format'],
  async run(session) {
    const api = await session.api()
    return session.flags.status ? printStatus(session.print, api) : initialise(session, api)
  },
})

async function printStatus(print: Printer, api: Api): Promise<number> {
  const status = await step('Error checking init status', () => api.read('sys/init'), 1)
  const initialized = status?.data?.['initialized'] === true
  if (print.isTable) print.line(initialized ? 'Vault is initialized' : 'Vault is not initialized')
  else await print.data({ initialized })
  return initialized ? 0 : 2
}

async function initialise(session: Session<Flags>, api: Api): Promise<number> {
  const seal = await step('Error checking seal status', () => api.read('sys/seal-status', { preflight: true }))
  const body = requestBody(session.flags, seal?.data?.['recovery_seal'] === true)
  const answer = (await step('Error initializing', () => api.write('sys/init', body)))?.data ?? exactObject()
  if (!session.print.isTable) await session.print.data(document(body, answer))
  else printKeys(session.print, body, answer)
  return 0
}

type Body = ReturnType<typeof requestBody>

function requestBody(flags: Flags, unsealsItself: boolean) {
  return {
    secret_shares: flags['key-shares'] ?? (unsealsItself ? 0 : defaults.shares),
    secret_threshold: flags['key-threshold'] ?? (unsealsItself ? 0 : defaults.threshold),
    stored_shares: 0,
    pgp_keys: flags['pgp-keys'] === undefined ? null : readPgpKeys(flags['pgp-keys'], 'pgp-keys'),
    recovery_shares: unsealsItself ? (flags['recovery-shares'] ?? defaults.shares) : 0,
    recovery_threshold: unsealsItself ? (flags['recovery-threshold'] ?? defaults.threshold) : 0,
    recovery_pgp_keys: flags['recovery-pgp-keys'] === undefined ? null : readPgpKeys(flags['recovery-pgp-keys'], 'recovery-pgp-keys'),
    root_token_pgp_key: flags['root-token-pgp-key'] ? (readPgpKeys([flags['root-token-pgp-key']], 'root-token-pgp-key')[0] ?? '') : '',
  }
}

function document(body: Body, answer: ExactObject): object {
  const keys = textsOf(answer['keys']) ?? []
  return {
    unseal_keys_b64: textsOf(answer['keys_base64']) ?? [],
    unseal_keys_hex: keys,
    unseal_shares: keys.length === 0 ? 1 : body.secret_shares,
    unseal_threshold: keys.length === 0 ? 1 : body.secret_threshold,
    recovery_keys_b64: textsOf(answer['recovery_keys_base64']) ?? [],
    recovery_keys_hex: textsOf(answer['recovery_keys']) ?? [],
    recovery_keys_shares: body.recovery_shares,
    recovery_keys_threshold: body.recovery_threshold,
    root_token: textOf(answer['root_token']),
  }
}

function printKeys(print: Printer, body: Body, answer: ExactObject): void {
  const unseal = textsOf(answer['keys_base64']) ?? textsOf(answer['keys']) ?? []
  const recovery = textsOf(answer['recovery_keys_base64']) ?? textsOf(answer['recovery_keys']) ?? []
  unseal.forEach((key, i) => print.line(`Unseal Key ${i + 1}: ${key}`))
  recovery.forEach((key, i) => print.line(`Recovery Key ${i + 1}: ${key}`))
  print.line()
  print.line(`Initial Root Token: ${textOf(answer['root_token'])}`)
  print.line()
  if (unseal.length > 0) {
    const made = `${body.secret_shares} key shares and a key threshold of ${body.secret_threshold}`
    print.line(wrap(`Vault initialized with ${made}. ${keepShares(body)}`))
  } else print.line('Success! Vault is initialized')
  if (recovery.length === 0) return
  const { recovery_shares: shares, recovery_threshold: threshold } = body
  print.line()
  const made = `${shares} key shares and a key threshold of ${threshold}`
  print.line(wrap(`Recovery key initialized with ${made}. Give each share to another person.`))
}

const keepShares = (body: Body): string =>
  'Give each share to another person, and keep the root token safe: nothing of this can be shown again. After every start the server is ' +
  `sealed until ${body.secret_threshold} of the shares are given to "operator unseal"; with fewer, its data is lost for good.`
