/**
 * Steps from one form of the data to the next. Whoever changes records in a way that an older program could misread, or that this one could not read in old
 * stores, adds a step here and makes a new fixture beside the old ones (`request/testing/form/fixtures`); the form of new stores follows from the number of steps.
 */
import { Conflict } from '../kit/errors.ts'
import type { Entry, Store } from '../kit/store.ts'
import { toForm2 } from './form-2.ts'
import type { Migration, OpenData } from './migration.ts'
import { encodeStoreRecord, formatOf, storeKey } from './store-record.ts'

/**
 * The record and the data of a secret of KV version 2 are shorter: each takes the new form when it is written the next time, which an older program could not read. Nor would
 * it find new tokens, which are stored by the time that they were made.
 */
const toForm3: Migration = { summary: 'secrets take a shorter form as they are written, and new tokens lie in the order of time', run: async () => undefined }

/** Mounts that are made from now on keep what stands under serial numbers in another order (`tree-keys.ts`), where an older program would not find it. */
const toForm4: Migration = { summary: 'new mounts keep records of serial numbers that begin alike together', run: async () => undefined }

/** The first one leads from form 1 to form 2. */
const ownSteps: readonly Migration[] = Object.freeze([toForm2, toForm3, toForm4])

export interface MigrationOptions {
  /** Told which step begins. */
  readonly onMigration?: (summary: string) => void
  /** Default: those of this program. */
  readonly migrations?: readonly Migration[]
}

/** The form of the data in a store: checked, and brought to that of this program. */
export class DataForm {
  readonly #base: Store
  readonly #steps: readonly Migration[]
  readonly #onStep: (summary: string) => void
  #running: Promise<void> | null = null

  constructor(base: Store, { migrations = ownSteps, onMigration = () => undefined }: MigrationOptions) {
    this.#base = base
    this.#steps = migrations
    this.#onStep = onMigration
  }

  get isMigrating(): boolean {
    return this.#running !== null
  }

  /** What this program writes. */
  get current(): number {
    return 1 + this.#steps.length
  }

  /** The form of this record of a store. Throws 'bad_request' for one that is not known here: see `formatOf`. */
  of(record: Pick<Entry, 'value'> | null): number {
    return formatOf(record, this.current)
  }

  /** Throws 'bad_request' when the data are of a form that is not known here. */
  async check(): Promise<void> {
    this.of(await this.#base.get(storeKey))
  }

  /** Runs what is to be run. Each step counts once it is done; the first failure ends it. */
  async bringUp(data: OpenData): Promise<void> {
    this.#running ??= this.#run(data).finally(() => (this.#running = null))
    await this.#running
  }

  async #run(data: OpenData): Promise<void> {
    for (;;) {
      const record = await this.#base.get(storeKey)
      const form = this.of(record)
      const step = this.#steps[form - 1]
      if (step === undefined) return
      this.#onStep(step.summary)
      await step.run(data)
      await this.#base.commit([{ key: storeKey, version: record?.version ?? 0 }], [{ put: storeKey, value: encodeStoreRecord(form + 1) }]).catch((error: unknown) => {
        // Another process has done it meanwhile, which is as good.
        if (!(error instanceof Conflict)) throw error
      })
    }
  }
}
