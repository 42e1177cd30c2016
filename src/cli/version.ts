/** Versions: which level of Vault's API this speaks, and which Coffer it is. */

/** The level of the API: suites and providers switch features on by it. */
export const apiVersion = '1.20.0'
export const cofferVersion = '0.1.0'

/**
 * The second word is a plain version, because programs that drive `vault` parse it. Under the names `vault` and `bao` the first word is
 * the one that those programs look for.
 */
export function versionLine(program: string): string {
  const name = program === 'vault' ? 'Vault' : program === 'bao' ? 'OpenBao' : 'Coffer'
  return `${name} v${apiVersion} (Coffer ${cofferVersion}, at the API level of Vault ${apiVersion})`
}
