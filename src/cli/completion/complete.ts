/** Completion. */
import type { Host } from '../host.ts'
export const complete = async (_host: Host): Promise<number> => 0
