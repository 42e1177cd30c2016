/** Environment variables: `COFFER_X` wins over `BAO_X`, which wins over `VAULT_X`. An empty variable counts as not set. */

export type Environment = Readonly<Record<string, string | undefined>>

const prefixes = ['COFFER_', 'BAO_', 'VAULT_'] as const

/** The value of the first of the three that is set, or undefined. `name` is without prefix, such as `ADDR`. */
export function readVariable(environment: Environment, name: string): string | undefined {
  for (const prefix of prefixes) {
    const value = environment[prefix + name]
    if (value !== undefined && value !== '') return value
  }
  return undefined
}

/** The name under which a variable is set, for messages; the preferred one when none is. */
export function variableName(environment: Environment, name: string): string {
  return prefixes.map((prefix) => prefix + name).find((full) => environment[full]) ?? prefixes[0] + name
}
