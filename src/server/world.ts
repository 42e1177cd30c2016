/** Puts a server together: the store, the barrier over it, the core, and what runs beside requests. */
import { access, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Barrier } from '../barrier/barrier.ts'
import type { Seal } from '../barrier/seals/seal.ts'
import { AuditBroker } from '../core/audit/broker.ts'
import type { Core } from '../core/core.ts'
import type { Host, LogControl } from '../core/host.ts'
import { resumeRecounts } from '../core/leases/quotas.ts'
import { startSweeper } from '../core/leases/sweeper.ts'
import { makeCore } from '../core/make.ts'
import { resumeConversions, resumeRemovals } from '../core/mounts/change.ts'
import { startChores } from '../core/mounts/chores.ts'
import { releaseEngines } from '../core/registry.ts'
import type { CoreSettings } from '../core/settings.ts'
import { stagedPrefix } from '../core/snapshot-place.ts'
import { clearCubbyhole } from '../engines/cubbyhole/clear.ts'
import type { WholeStore } from '../kit/store.ts'
import { openLmdbStore } from '../storage/lmdb.ts'
import { lockFolder } from '../storage/lock.ts'
import { memoryStore } from '../storage/memory.ts'
import type { ServerConfig, StorageConfig } from './config/config.ts'
import { ConfigError } from './config/entries.ts'
import { builtinRegistry } from './engines.ts'
import { coreSettings } from './settings.ts'

export interface World {
  readonly core: Core
  readonly host: Host
  readonly settings: CoreSettings
  /** Ends everything in order: sweeper, chores, audit, store. */
  readonly close: () => Promise<void>
}

/** Little: what is used often is kept opened, above the barrier. */
const sealedCacheBytes = 4 * 1024 * 1024

interface OpenStore {
  readonly store: WholeStore
  readonly close: () => Promise<void>
}

/** Throws with one line for the operator when the folder cannot be used or another server has it. */
async function openStore(storage: StorageConfig, onStop: (reason: Error) => void): Promise<OpenStore> {
  if (storage.type === 'inmem') return { store: memoryStore(), close: async () => undefined }
  await checkNotVault(storage.folder)
  const lock = await lockFolder(storage.folder)
  try {
    for (const name of await readdir(storage.folder)) if (name.startsWith(stagedPrefix)) await rm(join(storage.folder, name), { force: true })
    const store = await openLmdbStore({ folder: storage.folder, cacheBytes: sealedCacheBytes, onStop })
    return {
      store,
      async close() {
        await store.close()
        await lock.release()
      },
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** Vault's own data, by what its drivers `file` and `raft` make first: a start there would look as if the data were lost. */
async function checkNotVault(folder: string): Promise<void> {
  for (const name of ['core/_seal-config', 'core/_keyring', 'vault.db', 'raft/raft.db']) {
    const isThere = await access(join(folder, name)).then(() => true, () => false)
    if (isThere) throw new ConfigError(`the storage folder "${folder}" holds the data of another program (${name}), which this server cannot read: choose another folder`)
  }
}

/** `sealOf` finds the automatic seal, once the store is open. `onStop` is called when the store can no longer be trusted to keep what it acknowledges: the process must end. */
export async function openWorld(config: ServerConfig, host: Host, logControl: LogControl, onStop: (reason: Error) => void, sealOf: (barrier: Barrier) => Promise<Seal | null>): Promise<World> {
  const { store, close } = await openStore(config.storage, onStop)
  const settings = coreSettings(config)
  const barrier = new Barrier(store, { now: host.now })
  const automaticSeal = await barrier.checkFormat().then(() => sealOf(barrier)).catch(async (error: unknown) => {
    await close()
    throw error
  })
  const audit = new AuditBroker({ host, limits: { dataFolder: config.storage.folder === '' ? null : config.storage.folder, folders: config.audit.folders, prefix: config.audit.prefix } })
  const core = makeCore({ host, logControl, settings, barrier, registry: builtinRegistry(), audit, automaticSeal, snapshots: { store, folder: config.storage.folder || tmpdir() }, clearCubbyhole })
  const stopSweeper = startSweeper(core)
  const stopChores = startChores(core)
  const stopTicking = startTicking(core)
  return {
    core,
    host,
    settings,
    async close() {
      stopTicking()
      await stopSweeper()
      await stopChores()
      await audit.close()
      await releaseEngines(core.registry)
      barrier.seal()
      await close()
    },
  }
}

const tickMs = 5_000

/** What recurs beside requests: following the keyring, finishing what a crash interrupted. */
function startTicking(core: Core): () => void {
  let cancel = (): void => undefined
  const turn = (): void => {
    const work = async (): Promise<void> => {
      await core.barrier.tick()
      if (core.barrier.isSealed) return
      await resumeRemovals(core)
      await resumeConversions(core)
      await resumeRecounts(core)
    }
    work()
      .catch((error: unknown) => core.host.log('error', 'core', 'recurring work failed', { error: error instanceof Error ? error.message : 'unknown' }))
      .finally(() => (cancel = core.host.later(tickMs, turn)))
  }
  cancel = core.host.later(tickMs, turn)
  return () => cancel()
}
