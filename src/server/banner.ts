/** What a server prints when it starts: the same block as Vault's, because tools wait for lines of it. */
import type { ServerConfig } from './config/config.ts'
import { addressOf } from './settings.ts'
import { apiVersion, cofferVersion } from './version.ts'

export function configurationBlock(config: ServerConfig): string {
  const rows: [string, string][] = [
    ['Api Address', config.apiAddress || addressOf(config)],
    ...config.listeners.map(({ shown }, i): [string, string] => [`Listener ${i + 1}`, shown]),
    ['Log Level', config.log.level],
    ['Recovery Mode', 'false'],
    ['Storage', config.storage.shownType],
    ['Version', `Coffer v${cofferVersion} (API level ${apiVersion.split('+')[0] ?? ''})`],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  const lines = rows.map(([name, value]) => `${name.padStart(width)}: ${value}`)
  return `==> Coffer server configuration:\n\n${lines.join('\n')}\n\n`
}

// Testcontainers and others wait for these very words.
export const startedLine = '==> Vault server started! Log data will stream in below:\n\n'

export const devNotice = (address: string, unsealKey: string, rootToken: string, caFile: string | null): string => `WARNING! dev mode is enabled! In this mode, Coffer runs entirely in-memory
and starts unsealed with a single unseal key. The root token is already
authenticated to the CLI, so you can immediately begin using Coffer.

You may need to set the following environment variables:

    $ export VAULT_ADDR='${address}'
${caFile === null ? '' : `    $ export VAULT_CACERT='${caFile}'\n`}
The unseal key and root token are displayed below in case you want to
seal/unseal the server or re-authenticate.

Unseal Key: ${unsealKey}
Root Token: ${rootToken}

Development mode should NOT be used in production installations!

`
