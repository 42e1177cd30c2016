/** Puts a server together: the store, the barrier over it, the core, and what runs beside requests. */
import { tmpdir } from 'node:os'
import { Barrier } from '../barrier/barrier.ts'
import type { Seal } from '../barrier/seals/seal.ts'
import { AuditBroker } from '../core/audit/broker.ts'
import type { Core } from '../core/core.ts'
import { alone, type Crew } from '../core/crew.ts'
import type { Host, LogControl } from '../core/host.ts'
import { leaderPace } from '../core/leader/leadership.ts'
import { makeCore } from '../core/make.ts'
import { releaseEngines } from '../core/registry.ts'
import { clearCubbyhole } from '../engines/cubbyhole/clear.ts'
import type { WholeStore } from '../kit/store.ts'
import { openLmdbStore, type LmdbStore } from '../storage/lmdb.ts'
import { memoryStore } from '../storage/memory.ts'
import type { ServerConfig, StorageConfig } from './config/config.ts'
import { loadEngines } from './engine-loading.ts'
import { builtinRegistry } from './engines.ts'
import { startJobs } from './jobs.ts'
import { tokenSource } from './pkcs11.ts'
import { repeat } from './repeat.ts'
import { coreSettings } from './settings.ts'

export interface World {
  readonly core: Core
  /** Seals this process: requests and jobs. */
  readonly forget: () => void
  /** Another process has ended: frees what it held. */
  readonly noteGone: (processId: string) => void
  /** Ends everything in order: jobs, audit, store. */
  readonly close: () => Promise<void>
}

/** What a world is part of. */
export interface WorldSurroundings {
  readonly host: Host
  readonly logControl: LogControl
  /** Called when the store can no longer be trusted to keep what it acknowledges: the process must end. */
  readonly onStop: (reason: Error) => void
  /** Finds the automatic seal, once the store is open. */
  readonly sealOf: (barrier: Barrier) => Promise<Seal | null>
  /** Null: this process serves alone, and holds the lock of the folder itself. */
  readonly crew: Crew | null
  /** The first process since the server was started. */
  readonly isFirst: boolean
  /** No other process has it, now or later. */
  readonly processId: string
  /** Runs `open` while no other process commits: see `LmdbStore.hold`. Left out where there are no others. */
  readonly opening?: <T extends HeldStore>(open: () => Promise<T>) => Promise<T>
}

export type HeldStore = Pick<LmdbStore, 'hold' | 'goOn'>

/** Little: what is used often is kept opened, above the barrier. */
const sealedCacheBytes = 4 * 1024 * 1024

interface OpenStore {
  readonly store: WholeStore
  readonly freeDeadReaders: () => void
  readonly close: () => Promise<void>
}

/** Throws with one line for the operator when the folder cannot be used. */
async function openStore(storage: StorageConfig, { onStop, opening = (open) => open() }: WorldSurroundings): Promise<OpenStore> {
  if (storage.type === 'inmem') return { store: memoryStore(), freeDeadReaders: () => undefined, close: async () => undefined }
  const store = await opening(() => openLmdbStore({ folder: storage.folder, cacheBytes: sealedCacheBytes, onStop }))
  return { store, freeDeadReaders: () => void store.freeDeadReaders(), close: () => store.close() }
}

/** Whoever calls it has locked the storage, or belongs to a crew whose supervisor has. */
export async function openWorld(config: ServerConfig, around: WorldSurroundings): Promise<World> {
  const { host, logControl, sealOf, crew } = around
  const { store, freeDeadReaders, close } = await openStore(config.storage, around)
  const barrier = new Barrier(store, { onMigration: (summary) => host.log('warn', 'core', 'the data are brought to the form of this version', { step: summary }), now: host.now })
  const automaticSeal = await barrier.form.check().then(() => sealOf(barrier)).catch(async (error: unknown) => {
    await close()
    throw error
  })
  const audit = new AuditBroker({ host, limits: { dataFolder: config.storage.folder === '' ? null : config.storage.folder, folders: config.audit.folders, prefix: config.audit.prefix } })
  const parts = { host, logControl, settings: coreSettings(config), registry: builtinRegistry(), audit, automaticSeal, tokens: tokenSource(config.kmsLibraries), snapshots: { store, folder: config.storage.folder || tmpdir() }, clearCubbyhole }
  const sealHere = (): void => {
    jobs.forget()
    core.forget()
  }
  const core = makeCore({ ...parts, barrier, crew: crew ?? { ...alone, seal: async () => sealHere() } })
  const coreOver = (over: Barrier): Core => makeCore({ ...parts, barrier: over })
  const pace = crew === null ? { ...leaderPace, beatEvery: 0 } : leaderPace
  const jobs = startJobs({ store, core, coreOver, processId: around.processId, pace, isOnly: around.isFirst })
  const stopTicking = repeat(host, tickMs, 'following the keys', () => barrier.tick())
  const stopLoading = loadEngines(core)
  return {
    core,
    forget: sealHere,
    noteGone(id) {
      jobs.noteGone(id)
      freeDeadReaders()
    },
    async close() {
      await stopTicking()
      await stopLoading()
      await jobs.close()
      await audit.close()
      await releaseEngines(core.registry)
      sealHere()
      await close()
    },
  }
}

const tickMs = 5_000
