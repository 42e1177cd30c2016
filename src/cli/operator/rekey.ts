/** Rekeying: the requests for its targets, and how its state is printed. */
import { exactObject, type ExactObject } from '../../../client/src/exact-json.ts'
import type { Api } from '../api.ts'
import { step } from '../describe-failure.ts'
import { usageError } from '../failure.ts'
import type { Printer } from '../output/printer.ts'
import { formatTable, wrap } from '../output/table.ts'
import { formatValue } from '../output/value.ts'
import { textOf, textsOf } from '../secret.ts'

export interface RekeyTarget {
  readonly keyName: 'Unseal' | 'Recovery'
  /** Start, status and cancel. */
  readonly attempt: string
  readonly update: string
  readonly verify: string
  readonly backup: string
}

const barrier: RekeyTarget = {
  keyName: 'Unseal',
  attempt: 'sys/rekey/init',
  update: 'sys/rekey/update',
  verify: 'sys/rekey/verify',
  backup: 'sys/rekey/backup',
}
const recovery: RekeyTarget = {
  keyName: 'Recovery',
  attempt: 'sys/rekey-recovery-key/init',
  update: 'sys/rekey-recovery-key/update',
  verify: 'sys/rekey-recovery-key/verify',
  backup: 'sys/rekey/recovery-key-backup',
}
const targets: Readonly<Record<string, RekeyTarget>> = { barrier, recovery, hsm: recovery }

/** Throws `Failure` (1) for an unknown one. */
export function resolveTarget(name: string): RekeyTarget {
  const known = name.trim().toLowerCase()
  const target = Object.hasOwn(targets, known) ? targets[known] : undefined
  if (target === undefined) throw usageError(`Unknown target: ${name}`)
  return target
}

export const readRekey = async (api: Api, path: string, what = 'Error reading rekey status'): Promise<ExactObject> =>
  (await step(what, () => api.read(path)))?.data ?? exactObject()

/** The state of a rekeying or, with `verifying`, of the check of its new keys. */
export async function printRekeyStatus(print: Printer, status: ExactObject, verifying: boolean): Promise<void> {
  if (!print.isTable) return print.data(status)
  print.line(formatTable([['Key', 'Value'], ...(verifying ? verifyRows(status) : attemptRows(status))]))
}

function attemptRows(status: ExactObject): string[][] {
  const value = (name: string): string => formatValue(status[name] ?? '')
  const progress = `${value('progress')}/${value('required')}`
  const verifying = value('progress') === value('required') ? ' (verification in progress)' : ''
  const running = [
    ['Rekey Progress', progress + verifying],
    ['New Shares', value('n')],
    ['New Threshold', value('t')],
    ['Verification Required', value('verification_required')],
    ...(textOf(status['verification_nonce']) === '' ? [] : [['Verification Nonce', value('verification_nonce')]]),
  ]
  const fingerprints = textsOf(status['pgp_fingerprints']) ?? []
  return [
    ['Nonce', value('nonce')],
    ['Started', value('started')],
    ...(status['started'] === true ? running : []),
    ...(fingerprints.length === 0 ? [] : [['PGP Fingerprints', value('pgp_fingerprints')], ['Backup', value('backup')]]),
  ]
}

function verifyRows(status: ExactObject): string[][] {
  const value = (name: string): string => formatValue(status[name] ?? '')
  return [
    ['Started', value('started')],
    ['New Shares', value('n')],
    ['New Threshold', value('t')],
    ['Verification Nonce', value('nonce')],
    ['Verification Progress', `${value('progress')}/${value('t')}`],
  ]
}

/** The new shares, which are shown this once. `status` is the state before the last key was given. */
export function printNewKeys(print: Printer, target: RekeyTarget, status: ExactObject, answer: ExactObject, program: string): void {
  const keys = textsOf(answer['keys_base64']) ?? textsOf(answer['keys']) ?? []
  const fingerprints = textsOf(answer['pgp_fingerprints']) ?? []
  print.line()
  keys.forEach((key, i) => {
    const fingerprint = fingerprints[i]
    print.line(fingerprint === undefined ? `Key ${i + 1}: ${key}` : `Key ${i + 1} fingerprint: ${fingerprint}; value: ${key}`)
  })
  print.line(`\nOperation nonce: ${textOf(answer['nonce'])}`)
  if (fingerprints.length > 0 && answer['backup'] === true) print.line(`\n${wrap(backupNotice(program))}`)
  const name = target.keyName.toLowerCase()
  const made = `${formatValue(status['n'])} key shares and a key threshold of ${formatValue(status['t'])}`
  if (status['verification_required'] !== true) {
    const text = `Vault ${name} keys rekeyed with ${made}. Give each share to another person; the old shares are worth nothing now.`
    return print.line(`\n${wrap(text)}`)
  }
  const text = `Vault has created a new ${name} key, split into ${made}. The new shares do not count before they are verified.`
  print.line(`\n${wrap(text)}\n`)
  print.warn(`${wrap(verifyNotice(program))}\n`)
}

const backupNotice = (program: string): string =>
  `The server keeps the encrypted shares, too. "${program} operator rekey -backup-retrieve" shows them, -backup-delete removes them.`

const verifyNotice = (program: string): string =>
  'Keep the old shares until then: they stay valid, and if the server is sealed or the rekeying is cancelled first, the new ones are ' +
  `void. Each holder gives a new share with "${program} operator rekey -verify", under the nonce that is shown below.`
