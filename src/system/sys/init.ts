/** `sys/init`, `sys/unseal`, `sys/seal`, `sys/seal-status`: the life of the barrier. Bare JSON, as Vault answers them. */
import { initializeBarrier } from '../../barrier/initialization.ts'
import { parsePgpKey, parsePgpKeys, sharesFor } from '../../barrier/pgp-shares.ts'
import { encodeShares, parseShare } from '../../barrier/seals/shamir.ts'
import { unsealBySeal, type SealStatus } from '../../barrier/seals/unsealing.ts'
import { encryptTo } from '../../crypto/openpgp/encrypt.ts'
import type { Recipient } from '../../crypto/openpgp/recipient.ts'
import type { Core } from '../../core/core.ts'
import { setUpCore } from '../../core/setup.ts'
import { badRequest } from '../../kit/errors.ts'
import { anything, defaulted, optional, secret, type Fields } from '../../kit/fields.ts'
import type { Json } from '../../kit/json.ts'
import { plainJson, type Reply } from '../../kit/result.ts'
import { systemPath } from '../call.ts'
import { clusterId } from './cluster.ts'
import { requireSudo } from './require-sudo.ts'

/** These endpoints parse strictly, unlike all others: a number is a number. */
function strictNumber(name: string, value: Json): number {
  if (value === undefined || value === null) return 0
  if (typeof value !== 'number' || !Number.isInteger(value)) throw badRequest(`failed to parse JSON input: ${name} must be a whole number`)
  return value
}

function strictList(name: string, value: Json): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) throw badRequest(`failed to parse JSON input: ${name} must be a list of texts`)
  return value as readonly string[]
}

/** Whose PGP keys shares are encrypted to; null: nobody's. */
function holders(core: Core, name: string, value: Json, shares: number): readonly Recipient[] | null {
  const keys = strictList(name, value)
  if (keys !== undefined && keys.length > 0 && keys.length !== shares) throw badRequest(`invalid seal configuration: ${name} has ${keys.length} keys for ${shares} shares`)
  return parsePgpKeys(name, keys, core.host.now())
}

function strictHolder(core: Core, name: string, value: Json): Recipient | null {
  if (value === undefined || value === null || value === '') return null
  if (typeof value !== 'string') throw badRequest(`failed to parse JSON input: ${name} must be a text`)
  return parsePgpKey(name, value, core.host.now())
}

const initInput = {
  secret_shares: optional(anything('Into how many shares the unseal key is split.')),
  secret_threshold: optional(anything('How many of them unseal.')),
  recovery_shares: optional(anything('Into how many shares the recovery key of an automatic seal is split.')),
  recovery_threshold: optional(anything('How many of them authorise.')),
  stored_shares: optional(anything('Accepted for old clients.')),
  pgp_keys: optional(anything('Public PGP keys, base64, of those who hold the shares, one for each.')),
  recovery_pgp_keys: optional(anything('The same for the shares of the recovery key.')),
  root_token_pgp_key: optional(anything('The public PGP key, base64, that the root token is encrypted to.')),
} satisfies Fields

const init = systemPath('init')

const readInit = init.read({
  summary: 'Whether the server is initialised.',
  access: 'public',
  lifecycle: true,
  handle: async ({ core }) => plainJson({ initialized: await core.barrier.isInitialized() }),
})

const writeInit = init.write({
  summary: 'Initialise the server: makes its keys and the first root token.',
  access: 'public',
  lifecycle: true,
  input: initInput,
  async handle({ core, input, body }) {
    if (await core.barrier.isInitialized()) throw badRequest('Vault is already initialized')
    if (body === null) throw badRequest('failed to parse JSON input: the body is empty')
    const { automatic } = core.keys
    const request = {
      secretShares: strictNumber('secret_shares', input.secret_shares as Json), secretThreshold: strictNumber('secret_threshold', input.secret_threshold as Json),
      recoveryShares: strictNumber('recovery_shares', input.recovery_shares as Json), recoveryThreshold: strictNumber('recovery_threshold', input.recovery_threshold as Json),
    }
    const secretHolders = holders(core, 'pgp_keys', input.pgp_keys as Json, request.secretShares)
    const recoveryHolders = holders(core, 'recovery_pgp_keys', input.recovery_pgp_keys as Json, request.recoveryShares)
    const tokenHolder = strictHolder(core, 'root_token_pgp_key', input.root_token_pgp_key as Json)
    const { keys, recoveryKeys, made } = await initializeBarrier(core.barrier, request, automatic, () => setUpCore(core))
    if (automatic !== null) {
      await unsealBySeal(core.barrier, automatic)
      await core.crew.shareKey()
    }
    const recovery = encodeShares(sharesFor(recoveryHolders, recoveryKeys))
    return plainJson({
      ...encodeShares(sharesFor(secretHolders, keys)),
      ...(recoveryKeys.length === 0 ? {} : { recovery_keys: recovery.keys, recovery_keys_base64: recovery.keys_base64 }),
      root_token: tokenHolder === null ? made.id : encryptTo(tokenHolder, Buffer.from(made.id)).toString('base64'),
    })
  },
})

/** `sys/seal-status` and what every share is answered with. */
async function sealStatus(core: Core, status?: SealStatus): Promise<Reply> {
  const { type, initialized, sealed, t, n, progress, nonce, migration, recovery_seal } = status ?? (await core.keys.unsealing.status())
  return plainJson({
    type, initialized, sealed, t, n, progress, nonce,
    version: core.settings.version,
    build_date: core.settings.buildDate,
    migration,
    ...(sealed ? {} : { cluster_name: core.settings.clusterName, cluster_id: await clusterId(core) }),
    recovery_seal,
    storage_type: core.settings.storageType,
  })
}

const readSealStatus = systemPath('seal-status').read({
  summary: 'Whether the server is sealed, and how far unsealing has come.',
  access: 'public',
  lifecycle: true,
  handle: ({ core }) => sealStatus(core),
})

const unseal = systemPath('unseal').write({
  summary: 'Give one share of the unseal key.',
  access: 'public',
  lifecycle: true,
  input: {
    key: optional(secret(anything('The share, in hex or base64.'))),
    reset: defaulted(anything('Forget the shares given so far.'), false),
    migrate: defaulted(anything('Accepted for old clients.'), false),
  },
  async handle({ core, input }) {
    if (typeof input.reset !== 'boolean') throw badRequest('failed to parse JSON input: reset must be true or false')
    if (input.reset) return await sealStatus(core, await core.keys.unsealing.reset())
    if (input.key === undefined || input.key === '') throw badRequest("'key' must be specified in request body as JSON, or 'reset' set to true")
    if (typeof input.key !== 'string') throw badRequest('failed to parse JSON input: key must be a text')
    if (!(await core.barrier.isInitialized())) throw badRequest('Vault is not initialized')
    return await sealStatus(core, await core.keys.unsealing.submit(parseShare(input.key)))
  },
})

const seal = systemPath('seal').write({
  summary: 'Seal the server: forget all keys.',
  access: 'sudo',
  lifecycle: true,
  async handle(call) {
    const { core } = call
    if (core.barrier.isSealed) return null
    await requireSudo(call, 'sys/seal')
    await core.seal()
    return null
  },
})

export const initOperations = [readInit, writeInit, readSealStatus, unseal, seal]
