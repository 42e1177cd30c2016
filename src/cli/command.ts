/** What a verb declares, and what it gets to work with. Parsing, help, completion and the reference all come from the declaration. */
import type { Api } from './api.ts'
import type { FlagSet, FlagValues } from './flags.ts'
import type { Host } from './host.ts'
import type { Printer } from './output/printer.ts'

/** What completion offers for an argument. */
export type Completion = 'path' | 'mount' | 'auth-mount' | 'policy' | 'file' | 'namespace' | readonly string[]

export interface Command<F extends FlagSet = FlagSet> {
  /** All words, such as `kv get`. */
  readonly name: string
  /** One line, beginning with a verb, no full stop. */
  readonly summary: string
  /** What stands after the name and the options in the usage line: `PATH [K=V...]`. */
  readonly arguments?: string
  /** Paragraphs for the help page. */
  readonly description?: string
  /** What it is for, and the command line without the program's name. */
  readonly examples?: readonly (readonly [purpose: string, line: string])[]
  readonly flags: F
  /** Output flags that it takes. Default none. */
  readonly output?: readonly ('field' | 'format' | 'detailed')[]
  /** How many arguments; default none. `-1` as `max` is no limit. */
  readonly args?: { readonly min: number; readonly max: number }
  /** What looks like a flag after the first argument belongs to a program that is run, and is an argument. */
  readonly passesFlags?: boolean
  /** Whether it talks to a server, and so takes the flags for that. Default true. */
  readonly remote?: boolean
  /** Whether `-format=raw` makes sense. */
  readonly raw?: boolean
  readonly completes?: Completion
  run(session: Session<FlagValues<F>>): Promise<number | void>
}

/** For type inference of the flags. */
export const defineCommand = <const F extends FlagSet>(command: Command<F>): Command<F> => Object.freeze(command)

/** One run of a verb. */
export interface Session<T = unknown> {
  readonly host: Host
  readonly flags: T
  /** The flags that were given, on the line or by a variable. */
  readonly given: ReadonlySet<string>
  readonly args: readonly string[]
  /** Standard input as data; empty with -non-interactive. */
  readInput(): Promise<string>
  readonly interactive: boolean
  readonly print: Printer
  /** The server; made at the first use. Throws `Failure` when the settings make no sense. */
  api(): Promise<Api>
  /** The server without the saved token, for logins. */
  apiWithoutToken(): Promise<Api>
}
