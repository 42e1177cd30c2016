/** Versions: which level of Vault's API this speaks, and which Coffer it is. */
import { apiVersion, cofferVersion } from '../server/version.ts'

/**
 * The second word is a plain version, because programs that drive `vault` parse it. Under the names `vault` and `bao` the first word is
 * the one that those programs look for.
 */
export function versionLine(program: string): string {
  const name = program === 'vault' ? 'Vault' : program === 'bao' ? 'OpenBao' : 'Coffer'
  const level = apiVersion.split('+')[0] ?? ''
  return `${name} v${level} (Coffer ${cofferVersion}, at the API level of Vault ${level})`
}
