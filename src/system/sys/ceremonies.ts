/** `sys/rekey`, `sys/generate-root`, `sys/rotate`, `sys/key-status`: what key holders do. */
import { decodeToken } from '../../barrier/generate-root.ts'
import { deleteBackup, parsePgpKey, parsePgpKeys, readBackup, type BackupKind } from '../../barrier/pgp-shares.ts'
import { parseShare } from '../../barrier/seals/shamir.ts'
import type { Core } from '../../core/core.ts'
import type { RekeyCeremony } from '../../core/keys.ts'
import { formatDuration } from '../../kit/duration.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, duration, flag, integer, list, optional, secret, text } from '../../kit/fields.ts'
import { also, type Operation } from '../../kit/operation.ts'
import { plainJson, reply } from '../../kit/result.ts'
import { formatTime } from '../../kit/time.ts'
import { systemPath } from '../call.ts'
import { requireKeyHolder } from './require-sudo.ts'

const open = { access: 'public', lifecycle: true } as const
const share = { key: defaulted(secret(text('A share of the key, in hex or base64.')), ''), nonce: defaulted(text('Of the attempt that the share is for.'), '') }

function shareOf(key: string): Buffer {
  if (key === '') throw badRequest("'key' must be specified in request body as JSON")
  return parseShare(key)
}

const attempt = systemPath('generate-root/attempt')
const generateRoot: Operation[] = [
  attempt.read({
    ...open,
    summary: 'How far the making of a root token has come.',
    async handle(call) {
      await requireKeyHolder(call, 'sys/generate-root/attempt')
      return plainJson(await call.core.keys.generateRoot.status())
    },
  }),
  attempt.write({
    ...open,
    summary: 'Begin to make a root token with the consent of the key holders.',
    input: { otp: defaulted(secret(text('One-time pad as long as a token; one is made otherwise.')), ''), pgp_key: defaulted(text('Public PGP key, base64, that the token is encrypted to, in place of the pad.'), '') },
    async handle(call) {
      await requireKeyHolder(call, 'sys/generate-root/attempt')
      const { otp, pgp_key: key } = call.input
      return plainJson(await call.core.keys.generateRoot.start({ otp, recipient: key === '' ? null : parsePgpKey('pgp_key', key, call.core.host.now()) }))
    },
  }),
  attempt.delete({
    ...open,
    summary: 'End the attempt.',
    async handle(call) {
      await requireKeyHolder(call, 'sys/generate-root/attempt')
      await call.core.keys.generateRoot.cancel()
      return null
    },
  }),
  systemPath('generate-root/update').write({
    ...open,
    summary: 'Give a share; with the last one needed comes the token, under the one-time pad.',
    input: share,
    async handle(call) {
      await requireKeyHolder(call, 'sys/generate-root/update')
      return plainJson(await call.core.keys.generateRoot.update(shareOf(call.input.key), call.input.nonce))
    },
  }),
  systemPath('decode-token').write({
    summary: 'Take the one-time pad off a root token.',
    access: 'public',
    input: { encoded_token: defaulted(secret(text('As it was answered.')), ''), otp: defaulted(secret(text('The one-time pad.')), '') },
    handle: ({ input }) => ({ token: decodeToken(input.encoded_token, input.otp) }),
  }),
]

const rekeyInput = {
  secret_shares: defaulted(integer('Into how many shares the new key is split.'), 0),
  secret_threshold: defaulted(integer('How many of them are needed.'), 0),
  require_verification: defaulted(flag('The new shares must be shown before they count.'), false),
  seal_type: defaulted(text('Type of the seal from now on, such as `shamir`.'), ''),
  pgp_keys: optional(list('Public PGP keys, base64, of those who hold the new shares, one for each.')),
  backup: defaulted(flag('Keep the encrypted shares on the server, too.'), false),
  stored_shares: defaulted(integer('Accepted for old clients.'), 0),
}

/** The same endpoints for the unseal key and for the recovery key. */
function rekeyOperations(base: string, of: (core: Core) => RekeyCeremony): Operation[] {
  const [init, update, verify] = [`${base}/init`, `${base}/update`, `${base}/verify`] as const
  const at = (path: string) => systemPath(path as 'rekey/init')
  return [
    at(init).read({
      ...open,
      summary: 'How far rekeying has come.',
      async handle(call) {
        await requireKeyHolder(call, `sys/${init}`)
        return plainJson(await of(call.core).status())
      },
    }),
    at(init).write({
      ...open,
      summary: 'Begin to rekey.',
      input: rekeyInput,
      async handle(call) {
        await requireKeyHolder(call, `sys/${init}`)
        const { input } = call
        const recipients = parsePgpKeys('pgp_keys', input.pgp_keys, call.core.host.now())
        const request = { recipients, backup: input.backup, shares: input.secret_shares, threshold: input.secret_threshold, requireVerification: input.require_verification }
        return plainJson(await of(call.core).start({ ...request, ...(input.seal_type === '' ? {} : { sealType: input.seal_type }) }))
      },
    }),
    at(init).delete({
      ...open,
      summary: 'End the attempt.',
      async handle(call) {
        await requireKeyHolder(call, `sys/${init}`)
        await of(call.core).cancel()
        return null
      },
    }),
    at(update).write({
      ...open,
      summary: 'Give one of the present shares; with the last one needed come the new ones.',
      input: share,
      async handle(call) {
        await requireKeyHolder(call, `sys/${update}`)
        return plainJson(await of(call.core).update(shareOf(call.input.key), call.input.nonce))
      },
    }),
    at(verify).read({
      ...open,
      summary: 'How far verifying the new shares has come.',
      async handle(call) {
        await requireKeyHolder(call, `sys/${verify}`)
        return plainJson(await of(call.core).verifyStatus())
      },
    }),
    at(verify).write({
      ...open,
      summary: 'Give one of the new shares.',
      input: share,
      async handle(call) {
        await requireKeyHolder(call, `sys/${verify}`)
        return plainJson(await of(call.core).verify(shareOf(call.input.key), call.input.nonce))
      },
    }),
    at(verify).delete({
      ...open,
      summary: 'Begin verifying again.',
      async handle(call) {
        await requireKeyHolder(call, `sys/${verify}`)
        return plainJson(await of(call.core).restartVerification())
      },
    }),
  ]
}

const backups = (path: 'rekey/backup' | 'rekey/recovery-key-backup', kind: BackupKind): Operation[] => [
  systemPath(path).read({
    summary: 'The shares that rekeying encrypted and kept, by the fingerprints of their holders.',
    access: 'sudo',
    async handle({ core }) {
      const backup = await readBackup(core.barrier, kind)
      if (backup === null) throw badRequest('no backed-up keys found')
      const inBase64 = Object.entries(backup.keys).map(([holder, keys]) => [holder, keys.map((key) => Buffer.from(key, 'hex').toString('base64'))])
      return reply({ data: { nonce: backup.nonce, keys: backup.keys, keys_base64: Object.fromEntries(inBase64) as object }, repeatedAtTop: true })
    },
  }),
  systemPath(path).delete({
    summary: 'Forget the shares that rekeying kept.',
    access: 'sudo',
    async handle({ core }) {
      await deleteBackup(core.barrier, kind)
      return null
    },
  }),
]

const keyStatus = systemPath('key-status').read({
  summary: 'The key that seals at present.',
  async handle({ core }) {
    const { term, installed, encryptions } = await core.barrier.keyStatus()
    return reply({ data: { term, install_time: formatTime(installed), encryptions }, repeatedAtTop: true })
  },
})

const rotate = systemPath('rotate').write({
  summary: 'Seal with a new key from now on; what older ones sealed stays readable.',
  access: 'sudo',
  async handle({ core }) {
    await core.barrier.rotate()
    return null
  },
})

const dayMs = 24 * 3600 * 1000
const operationsMin = 1_000_000
const operationsMax = 4_294_967_296

const rotationConfig = systemPath('rotate/config')
const readRotation = rotationConfig.read({
  summary: 'When keys are rotated without being asked.',
  async handle({ core }) {
    const { enabled, interval, maxOperations } = await core.barrier.readRotation()
    return { enabled, interval: interval === 0 ? 0 : formatDuration(interval / 1000), max_operations: maxOperations }
  },
})

const writeRotation = rotationConfig.write({
  summary: 'Change when keys are rotated without being asked.',
  access: 'sudo',
  input: {
    max_operations: optional(integer('After how many encryptions.')),
    interval: optional(duration('After how long; 0: never for that reason.')),
    enabled: optional(flag('Whether at all.')),
  },
  async handle({ core, input }) {
    const before = await core.barrier.readRotation()
    const interval = input.interval === undefined ? before.interval : input.interval * 1000
    if (interval !== 0 && interval < dayMs) throw badRequest('interval must be greater or equal to 24h0m0s')
    const maxOperations = input.max_operations ?? before.maxOperations
    if (maxOperations < operationsMin || maxOperations > operationsMax) throw badRequest(`max_operations must be between ${operationsMin} and ${operationsMax}`)
    await core.barrier.setRotation({ enabled: input.enabled ?? before.enabled, interval, maxOperations })
    return null
  },
})

const rotation = [rotate, readRotation, writeRotation]
const rotationNames: Readonly<Record<string, string>> = { rotate: 'rotate/keyring', 'rotate/config': 'rotate/keyring/config' }

export const ceremonyOperations = [
  ...generateRoot,
  // The same under the older path without `attempt`.
  ...generateRoot.filter((operation) => operation.path === 'generate-root/attempt').map((operation) => also(operation, { path: 'generate-root', deprecated: 'sys/generate-root/attempt' })),
  ...rekeyOperations('rekey', (core) => core.keys.rekey),
  ...rekeyOperations('rekey-recovery-key', (core) => core.keys.rekeyRecovery),
  ...backups('rekey/backup', 'barrier'),
  ...backups('rekey/recovery-key-backup', 'recovery'),
  keyStatus,
  ...rotation,
  ...rotation.map((operation) => also(operation, { path: rotationNames[operation.path] as string })),
]
