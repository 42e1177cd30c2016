/** What a server prints when it starts: the same block as Vault's, because tools wait for lines of it. */
import { formatDuration } from '../kit/duration.ts'
import type { ServerConfig } from './config/config.ts'
import type { ListenerConfig } from './config/listeners.ts'
import { addressOf, shownAddress } from './settings.ts'
import { apiVersion, cofferVersion } from './version.ts'

export function configurationBlock(config: ServerConfig): string {
  const rows: [string, string][] = [
    ['Api Address', config.apiAddress || addressOf(config)],
    ...config.listeners.map((listener, i): [string, string] => [`Listener ${i + 1}`, shownListener(listener)]),
    ['Log Level', config.log.level],
    ['Recovery Mode', 'false'],
    ['Storage', config.storage.shownType],
    ['Version', `Coffer v${cofferVersion} (API level ${apiVersion.split('+')[0] ?? ''})`],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  const lines = rows.map(([name, value]) => `${name.padStart(width)}: ${value}`)
  return `==> Coffer server configuration:\n\n${lines.join('\n')}\n\n`
}

const shownListener = ({ type, settings: { address, requestDurationMax, limits, tls } }: ListenerConfig): string =>
  `${type} (addr: ${JSON.stringify(shownAddress(address))}, max_request_duration: "${formatDuration(requestDurationMax / 1000)}", max_request_size: "${limits.bodyBytesMax}", tls: "${tls === null ? 'disabled' : 'enabled'}")`

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

/** For a shell. */
const quoted = (path: string): string => (/^[\w./@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)

export interface FirstStart {
  readonly folder: string
  readonly keyFile: string
  /** Where the root token is. */
  readonly remembered: string
  /** What stands before a verb: `npx coffer`. */
  readonly command: string
}

/** A test runs the commands in this text, one after the other, as they stand. */
export const firstStartNotice = ({ folder, keyFile, remembered, command }: FirstStart): string => `This is the first start here. Coffer has made:

    ${folder}    the data, sealed (mode 0700)
    ${keyFile}    the key that unseals them (mode 0600)
    secret/    a place for versioned secrets (KV version 2)

${remembered}

What the key file protects against: whoever gets the data without it (a copied
disk, a backup, a synchronised folder) can read nothing. Keep a copy of it apart
from the data: without it they are lost.
What it does not protect against: whoever can read both as this user, because the
server starts without asking anybody.

A first secret, in another shell:

    ${command} kv put -mount=secret hello password=s3cret
    ${command} kv get -mount=secret hello

To give people shares of the key instead, so that every start needs three of five:

    NONCE=$(${command} write -field=nonce sys/rekey/init seal_type=shamir secret_shares=5 secret_threshold=3)
    base64 < ${quoted(keyFile)} | ${command} operator rekey -nonce="$NONCE" -

That prints the shares, once. From then on the key file opens nothing any more:

    rm ${quoted(keyFile)}

and after each start three people give their shares:

    ${command} operator unseal

`

export const sealedNotice = (command: string): string => `The server is sealed. People who hold shares of the key unseal it, each with one:

    ${command} operator unseal

`
