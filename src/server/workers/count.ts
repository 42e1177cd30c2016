/** How many processes serve. */
import type { ServerConfig } from '../config/config.ts'

/** More than this `auto` does not start: writes are one after the other on one disk, and each process takes memory. */
const autoMax = 8

/** `cores`: those that this process may use. Data in memory are those of one process. */
export function workersOf({ workers, storage }: Pick<ServerConfig, 'workers' | 'storage'>, cores: number): number {
  if (storage.type === 'inmem') return 1
  return workers === 'auto' ? Math.max(1, Math.min(cores, autoMax)) : workers
}
