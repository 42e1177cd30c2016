/** `operator rekey`: new shares of the unseal key, by a quorum of those who hold the old ones. */
import { exactObject, type ExactObject } from '../../../../client/src/exact-json.ts'
import type { Api } from '../../api.ts'
import { defineCommand, type Session } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { usageError } from '../../failure.ts'
import { bool, integer, list, text, withDefault } from '../../flags.ts'
import { readPgpKeys } from '../../operator/pgp-keys.ts'
import { printNewKeys, printRekeyStatus, readRekey, resolveTarget, type RekeyTarget } from '../../operator/rekey.ts'
import { readKey } from '../../operator/unseal-key.ts'
import { wrap } from '../../output/table.ts'
import { secretOf, textOf } from '../../secret.ts'

interface Flags {
  readonly verify: boolean
  readonly backup: boolean
  readonly nonce: string | undefined
  readonly 'key-shares': number
  readonly 'key-threshold': number
  readonly 'pgp-keys': readonly string[] | undefined
}

export const command = defineCommand({
  name: 'operator rekey',
  summary: 'Make new shares of the unseal key',
  arguments: '[KEY]',
  description:
    'Somebody starts with -init, and says how many new shares there are to be. Then those who hold the old ones each give theirs. The ' +
    'last one gets the new shares.',
  examples: [
    ['Start:', 'operator rekey -init -key-shares=5 -key-threshold=3 -verify'],
    ['Each of those who hold an old share:', 'operator rekey'],
    ['Each of those who got a new share:', 'operator rekey -verify'],
  ],
  flags: {
    init: bool('Begin.'),
    cancel: bool('Give up, and forget the shares given so far.'),
    status: bool('Show how far it is.'),
    verify: bool('With -init: the new shares count only once enough of them were given back. Otherwise: the share is a new one.'),
    'key-shares': withDefault(integer('How many new shares to make.', { aliases: ['n'] }), 5),
    'key-threshold': withDefault(integer('How many of them unseal.', { aliases: ['t'] }), 3),
    nonce: text('The number of the attempt, when the share is given as an argument.'),
    target: withDefault(text('Which key.', { values: ['barrier', 'recovery'] }), 'barrier'),
    'pgp-keys': list('Files with public PGP keys to encrypt the new shares for, one each.', { values: 'file' }),
    backup: bool('Let the server keep the encrypted shares until -backup-delete.'),
    'backup-delete': bool('Remove what -backup kept.'),
    'backup-retrieve': bool('Show what -backup kept.'),
  },
  output: ['format'],
  args: { min: 0, max: 1 },
  async run(session) {
    const { flags, print } = session
    const target = resolveTarget(flags.target)
    const api = await session.api()
    const attempt = flags.verify ? target.verify : target.attempt
    if (flags['backup-delete']) {
      await step('Error deleting rekey stored keys', () => api.delete(target.backup))
      return print.line('Success! Delete stored keys (if they existed)')
    }
    if (flags['backup-retrieve']) return print.secret(secretOf(await readRekey(api, target.backup, 'Error retrieving rekey stored keys')))
    if (flags.cancel) {
      await step('Error canceling rekey', () => api.delete(attempt))
      return print.line('Success! Canceled rekeying (if it was started)')
    }
    if (flags.init) return printRekeyStatus(print, await begin(session, api, target), false)
    if (flags.status) return printRekeyStatus(print, await readRekey(api, attempt), flags.verify)
    return giveShare(session, api, target)
  },
})

async function begin(session: Session<Flags>, api: Api, target: RekeyTarget): Promise<ExactObject> {
  const { flags, print } = session
  const body = {
    secret_shares: flags['key-shares'],
    secret_threshold: flags['key-threshold'],
    pgp_keys: flags['pgp-keys'] === undefined ? null : readPgpKeys(flags['pgp-keys'], 'pgp-keys'),
    backup: flags.backup,
    require_verification: flags.verify,
  }
  const answer = await step('Error initializing rekey', () => api.write(target.attempt, body))
  if (print.isTable && body.pgp_keys === null) {
    print.warn(`${wrap(clearNotice)}\n`)
  }
  return answer?.data ?? readRekey(api, target.attempt)
}

const clearNotice =
  'WARNING! The new shares are shown once, in the clear. -pgp-keys encrypts each for its holder; with -backup the server keeps them, too.'

async function giveShare(session: Session<Flags>, api: Api, target: RekeyTarget): Promise<void> {
  const { flags, print, host, args } = session
  const attempt = flags.verify ? target.verify : target.attempt
  const status = await readRekey(api, attempt, 'Error getting rekey status')
  if (status['started'] !== true) {
    throw usageError(wrap(`No rekey is in progress. Start a rekey process by running "${host.program} operator rekey -init".`))
  }
  const key = await readKey(session, args[0], `${target.keyName} Key`, `Rekey operation nonce: ${textOf(status['nonce'])}\n`)
  const nonce = args.length === 0 ? textOf(status['nonce']) : flags.nonce
  if (!nonce) throw usageError('Missing nonce value: specify it via the -nonce flag')
  const path = flags.verify ? target.verify : target.update
  const answer = (await step('Error posting unseal key', () => api.write(path, { key, nonce })))?.data ?? exactObject()
  if (answer['complete'] !== true) return printRekeyStatus(print, await readRekey(api, attempt), flags.verify)
  if (flags.verify) return print.line('Rekey verification successful. The rekey operation is complete and the new keys are now active.')
  if (!print.isTable) return print.data(answer)
  printNewKeys(print, target, status, answer, host.program)
  if (status['verification_required'] === true) await printRekeyStatus(print, await readRekey(api, target.verify), true)
}
