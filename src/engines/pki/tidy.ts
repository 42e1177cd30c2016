/** Tidying: asked for by requests or due by itself, done by a chore, so that it goes on wherever the server does. */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseDuration } from '../../kit/duration.ts'
import type { Chore, ChoreCall } from '../../kit/engine.ts'
import { badRequest } from '../../kit/errors.ts'
import { path, type MountView } from '../../kit/operation.ts'
import { records } from '../../kit/records.ts'
import { reply, type Data } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { formatTime } from '../../kit/time.ts'
import { tidyAcme } from './acme/tidy.ts'
import { readCounts } from './counts.ts'
import { enableAtLeastOne, hasTasks, mergeTasks, noTasks, readAutoTidy, taskFields, type TidyTasks } from './tidy-config.ts'
import { tidyAssociations, tidyCertificates, tidyInvalid, tidyIssuers, tidyRevoked, type Progress } from './tidy-steps.ts'

const counters = [
  'acme_account_deleted_count', 'acme_account_revoked_count', 'acme_orders_deleted_count', 'cert_store_deleted_count', 'missing_issuer_cert_count', 'revoked_cert_deleted_count',
] as const
type Counts = Readonly<Record<(typeof counters)[number], number>> & { readonly total_acme_account_count: number }

/** The last run, or the one that is wanted or under way. */
interface Run {
  readonly tasks: TidyTasks
  readonly state: 'Running' | 'Finished' | 'Error' | 'Cancelled'
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly finishedAt: number | null
  readonly error: string | null
  readonly message: string
  readonly counts: Counts
  readonly isCancelled: boolean
}

const runs = records<Run, []>(() => '.tidy/run')
const autoTimes = records<{ readonly finishedAt: number }, []>(() => '.tidy/auto')
const noCounts: Counts = Object.freeze({ ...(Object.fromEntries(counters.map((name) => [name, 0])) as Counts), total_acme_account_count: 0 })

const fresh = (tasks: TidyTasks, now: number): Run =>
  ({ tasks, state: 'Running', startedAt: now, finishedAt: null, error: null, message: 'Tidying is about to begin', counts: noCounts, isCancelled: false })

export const startTidy = path('tidy').write({
  summary: 'Delete what is over.',
  input: taskFields,
  async handle({ input, store, now }) {
    const tasks = mergeTasks(noTasks, input)
    if (tasks.safety_buffer < 1) throw badRequest('safety_buffer must be greater than zero')
    if (tasks.issuer_safety_buffer < 1) throw badRequest('issuer_safety_buffer must be greater than zero')
    const before = await runs.read(store)
    if (before?.state === 'Running') return reply({ status: 200, warnings: ['Tidy operation already in progress.'] })
    if (!hasTasks(tasks)) return accepted([`Manual tidy requested but no tidy operations were set. ${enableAtLeastOne}`])
    runs.write(store, fresh(tasks, now))
    return accepted(["Tidy operation successfully started. Any information from the operation will be printed to the server's logs."])
  },
})

/** 202 without a request id, as clients know it. */
const accepted = (warnings: readonly string[]) =>
  reply({
    status: 202,
    raw: {
      contentType: 'application/json',
      body: JSON.stringify({ request_id: '', lease_id: '', renewable: false, lease_duration: 0, data: null, wrap_info: null, warnings, auth: null }),
    },
  })

async function status(store: Transaction, mount: MountView): Promise<Data> {
  const run = await runs.read(store)
  const auto = await autoTimes.read(store)
  const counted = await readCounts(store)
  const tasks = run?.tasks ?? null
  const task = (name: keyof TidyTasks): unknown => (tasks === null ? null : tasks[name])
  return {
    ...Object.fromEntries((Object.keys(noTasks) as (keyof TidyTasks)[]).map((name) => [name, task(name)])),
    ...Object.fromEntries(Object.keys(noCounts).map((name) => [name, run === null ? null : run.counts[name as keyof Counts]])),
    state: run?.state ?? 'Inactive',
    error: run?.error ?? null,
    message: run?.message ?? null,
    time_started: run === null ? null : formatTime(run.startedAt),
    time_finished: run === null || run.finishedAt === null ? null : formatTime(run.finishedAt),
    internal_backend_uuid: mount.uuid,
    current_cert_store_count: counted?.certificates ?? null,
    current_revoked_cert_count: counted?.revoked ?? null,
    ...(run === null && auto === null ? {} : { last_auto_tidy_finished: auto === null ? '0001-01-01T00:00:00Z' : formatTime(auto.finishedAt) }),
  }
}

export const tidyStatus = path('tidy-status').read({ summary: 'Show how tidying goes.', handle: ({ store, mount }) => status(store, mount) })

export const cancelTidy = path('tidy-cancel').write({
  summary: 'Stop tidying at the next step.',
  async handle({ store, mount, now }) {
    const run = await runs.read(store)
    if (run?.state !== 'Running') return reply({ data: await status(store, mount), warnings: ['Tidy operation cannot be cancelled as none is currently running.'] })
    runs.write(store, { ...run, state: 'Cancelled', isCancelled: true, finishedAt: now, message: 'Tidying was cancelled' })
    return await status(store, mount)
  },
})

/** Adds to the counts of the run. False when it was cancelled. */
async function note(call: ChoreCall, what: keyof Counts, count: number): Promise<boolean> {
  return await call.change(async (store) => {
    const run = await runs.read(store)
    if (run?.state !== 'Running') return false
    runs.write(store, { ...run, message: 'Tidying is under way', counts: { ...run.counts, [what]: run.counts[what] + count } })
    return true
  })
}

async function runTasks(call: ChoreCall, tasks: TidyTasks): Promise<void> {
  const pauseMs = parseDuration(tasks.pause_duration) * 1000
  const progress: Progress = async (what, count) => {
    if (count > 0 && !(await note(call, what, count))) return false
    if (pauseMs > 0 && count > 0) await sleep(pauseMs, undefined, { signal: call.signal }).catch(() => undefined)
    return !call.signal.aborted
  }
  if (tasks.tidy_cert_store) await tidyCertificates(call, tasks, progress)
  if (tasks.tidy_revoked_certs) await tidyRevoked(call, tasks, progress)
  if (tasks.tidy_revoked_cert_issuer_associations) await tidyAssociations(call, tasks, progress)
  if (tasks.tidy_invalid_certs) await tidyInvalid(call, tasks)
  if (tasks.tidy_expired_issuers) await tidyIssuers(call, tasks)
  if (tasks.tidy_acme) await tidyAcme(call, tasks, (what, count) => note(call, what, count))
}

/** A run that a stop of the server ended is taken up again from what is left. */
async function perform(call: ChoreCall, run: Run): Promise<void> {
  let error: string | null = null
  try {
    await runTasks(call, run.tasks)
  } catch (cause) {
    error = cause instanceof Error ? cause.message : 'unknown'
  }
  if (call.signal.aborted) return
  await call.change(async (store) => {
    const now = await runs.read(store)
    if (now?.state !== 'Running') return
    const finished = { finishedAt: call.now, error, message: error === null ? 'Tidying has finished' : 'Tidying failed' }
    runs.write(store, { ...now, ...finished, state: error === null ? 'Finished' : 'Error' })
  })
  if (error !== null) throw new Error(`tidying failed: ${error}`)
}

async function wantedRun(call: ChoreCall): Promise<Run | null> {
  return await call.change(async (store) => {
    const run = await runs.read(store)
    if (run?.state === 'Running') return run
    const auto = await readAutoTidy(store)
    const last = (await autoTimes.read(store))?.finishedAt ?? 0
    if (!auto.enabled || auto.interval_duration === 0 || call.now < last + auto.interval_duration * 1000) return null
    const { enabled: _, interval_duration: __, maintain_stored_certificate_counts: ___, publish_stored_certificate_count_metrics: ____, ...tasks } = auto
    const made = fresh(tasks, call.now)
    runs.write(store, made)
    autoTimes.write(store, { finishedAt: call.now })
    return made
  })
}

export const tidyChore: Chore = {
  name: 'tidy',
  everySeconds: 5,
  async run(call) {
    const run = await wantedRun(call)
    if (run !== null) await perform(call, run)
  },
}
