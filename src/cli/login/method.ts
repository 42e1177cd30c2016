/** What a login method is. */
import type { Api } from '../api.ts'
import type { WireSecret } from '../secret.ts'

export interface LoginRequest {
  readonly api: Api
  /** The K=V pairs. */
  readonly values: Readonly<Record<string, string>>
  /** Where the method is mounted, without slashes around. */
  readonly mount: string
  /** Asks for a value that is not to be seen. Throws `Failure` (2) when nobody is there to answer. */
  ask(question: string, name: string): Promise<string>
}

export interface LoginMethod {
  /** For `auth help`. */
  readonly summary: string
  readonly values: Readonly<Record<string, string>>
  readonly example: string
  login(request: LoginRequest): Promise<WireSecret | null>
}
