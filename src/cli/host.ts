/** What a command may touch outside of itself. Made once in `main.ts`; tests make their own. */
import type { Environment } from '../../client/src/node/environment.ts'

export interface Host {
  readonly environment: Environment
  /** The home folder of the user. */
  readonly home: string
  /** The name under which the command was started: `coffer`, `vault` or `bao`. */
  readonly program: string
  /** Where that program lies, for completion. */
  readonly programPath: string
  /** Milliseconds since 1970. */
  now(): number
  readonly terminal: Terminal
}

export interface Terminal {
  /** Writes as it is, no line end added. */
  out(data: string | Uint8Array): void
  err(text: string): void
  /** Whether these are a person's screen and keyboard. */
  readonly outIsScreen: boolean
  readonly errIsScreen: boolean
  readonly inIsKeyboard: boolean
  /** Everything on stdin, as UTF-8. */
  readInput(): Promise<string>
  /** One line typed without an echo. Throws `Error` when interrupted, or when there is no keyboard to type on. */
  readHidden(): Promise<string>
}
