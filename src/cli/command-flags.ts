/** All flags that a verb takes: its own, and those that it shares with others. */
import type { Command } from './command.ts'
import type { FlagSet } from './flags.ts'
import { httpFlags, outputFlags } from './global-flags.ts'

export const flagsOf = (command: Command): FlagSet => ({
  ...(command.remote === false ? {} : httpFlags),
  ...Object.fromEntries((command.output ?? []).map((name) => [name, outputFlags[name]])),
  ...command.flags,
})
