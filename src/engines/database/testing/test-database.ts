/** What the contract needs of a database that was started for it. */
export interface TestDatabase {
  readonly plugin: string
  /** Details of a connection, without user and password. */
  readonly details: Readonly<Record<string, string | number>>
  readonly admin: { readonly username: string; readonly password: string }
  /** Statements that make a user who can log in. */
  readonly creation: readonly string[]
  /** Statements that the database refuses. */
  readonly refused: readonly string[]
  /** Statements that change a password, and then fail. */
  readonly halfRotation: readonly string[]
  readonly canLogIn: (username: string, password: string) => Promise<boolean>
  /** Names of users that begin so, in any case of letters. */
  readonly users: (prefix: string) => Promise<string[]>
  /** By somebody whom no test touches. */
  readonly makeUser: (username: string, password: string) => Promise<void>
  readonly dropUser: (username: string) => Promise<void>
  /** Gives the administrator of the tests its first password again. */
  readonly resetAdmin: () => Promise<void>
  readonly stop: () => Promise<void>
}
