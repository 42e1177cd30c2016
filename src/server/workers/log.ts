/** The log of a worker: lines go to the supervisor, which writes them, and to whoever watches at this or another worker. */
import type { LogControl } from '../../core/host.ts'
import { realNow } from '../host.ts'
import { createLog, logControl, type Log, type LogListener, type LogSettings } from '../log.ts'
import type { WorkerLink } from './crew.ts'
import type { LevelChange, WatchedLine } from './messages.ts'

export interface WorkerLog {
  readonly log: Log
  readonly control: LogControl
  readonly begin: (settings: LogSettings, levels: readonly LevelChange[]) => void
  readonly change: (change: LevelChange) => null
  readonly setWatched: (isWatched: boolean) => null
  readonly pass: (line: WatchedLine) => null
}

export function workerLog(link: WorkerLink): WorkerLog {
  let log = createLog({ level: 'info', format: 'standard' }, realNow, (line) => link.tell('log', line))
  /** Those who watch at this worker. */
  const watchers = new Set<LogListener>()
  let stopListening: (() => void) | null = null
  const apply = ({ module, level }: LevelChange): null => {
    if (level === null) log.levels.reset(module)
    else log.levels.set(level, module)
    return null
  }
  const announce = (change: LevelChange): void => {
    apply(change)
    link.tell('level', change)
  }
  const written: Log = {
    write: (...line) => log.write(...line),
    get levels() {
      return log.levels
    },
    modules: () => log.modules(),
    listen(listener) {
      watchers.add(listener)
      const stop = log.listen(listener)
      if (watchers.size === 1) link.tell('watching', true)
      return () => {
        stop()
        watchers.delete(listener)
        if (watchers.size === 0) link.tell('watching', false)
      }
    },
  }
  return {
    log: written,
    control: {
      ...logControl(written),
      levelOf: (module) => log.levels.of(module),
      setLevel: (level, module) => announce({ module, level }),
      reset: (module) => announce({ module, level: null }),
    },
    begin(settings, levels) {
      log = createLog(settings, realNow, (line) => link.tell('log', line))
      for (const change of levels) apply(change)
    },
    change: apply,
    setWatched(isWatched) {
      stopListening?.()
      stopListening = isWatched ? log.listen((level, line) => link.tell('watched', { level, line })) : null
      return null
    },
    pass({ level, line }) {
      for (const watcher of watchers) watcher(level, line)
      return null
    },
  }
}
