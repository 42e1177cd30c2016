/** `server`: runs a server in this process. */
import { saveToken, saveVaultToken } from '../../../client/src/node/token-file.ts'
import { defineCommand, type Session } from '../command.ts'
import { bool, list, text, withDefault } from '../flags.ts'
import { serverProcess } from '../server-process.ts'

const flags = {
  config: withDefault(list('A file or folder of configuration (HCL or JSON). May be repeated.'), []),
  data: text('Folder of the data, without a configuration. Default: ./coffer-data.', { variable: 'DATA' }),
  listen: text('HOST:PORT, without a configuration. Default: 127.0.0.1:8200.', { variable: 'LISTEN' }),
  'log-level': text('trace, debug, info, warn, error or off.', { variable: 'LOG_LEVEL' }),
  'log-format': text('standard or json.', { variable: 'LOG_FORMAT' }),
  dev: bool('Run in memory, unsealed, for trying things out.'),
  'dev-root-token-id': text('The root token of a dev server.', { variable: 'DEV_ROOT_TOKEN_ID' }),
  'dev-listen-address': withDefault(text('HOST:PORT of a dev server.', { variable: 'DEV_LISTEN_ADDRESS' }), '127.0.0.1:8200'),
  'dev-tls': bool('Serve TLS in dev mode, with a certificate made for it.'),
  'dev-tls-cert-dir': text('Where that certificate is put.'),
  'dev-no-store-token': bool('Do not save the root token for the command line.'),
}

export const command = defineCommand({
  name: 'server',
  summary: 'Run a server',
  description:
    'Without a configuration it keeps its data in a folder, sealed by a key file beside them, and makes both at the first start. With -dev it runs in memory. ' +
    'With -config it takes the configuration of Vault.',
  examples: [
    ['Data in ./coffer-data, on 127.0.0.1:8200:', 'server'],
    ['For trying things out:', 'server -dev -dev-root-token-id=root'],
    ['With a configuration:', 'server -config=/etc/coffer.d'],
  ],
  flags,
  remote: false,
  async run(session) {
    const { serverMain } = await import('../../server/main.ts')
    const { flags: given, host } = session
    return await serverMain(
      {
        dev: given.dev || given['dev-tls'],
        devRootTokenId: given['dev-root-token-id'] ?? null,
        devListenAddress: given['dev-listen-address'],
        devTls: given['dev-tls'],
        devTlsCertDir: given['dev-tls-cert-dir'] ?? '',
        config: given.config,
        localConfig: given.dev ? '' : (host.environment['VAULT_LOCAL_CONFIG'] ?? host.environment['BAO_LOCAL_CONFIG'] ?? ''),
        data: given.data ?? './coffer-data',
        listen: given.listen ?? '127.0.0.1:8200',
        logLevel: given['log-level'] ?? '',
        logFormat: given['log-format'] ?? '',
        home: host.home,
        remember: given['dev-no-store-token'] ? null : (address, token) => remember(session, given.dev, address, token),
      },
      serverProcess(host),
    )
  },
})

function remember({ host }: Session, isDev: boolean, address: string, token: string): string {
  try {
    const saved = saveToken({ home: host.home, address, token, keepAs: String(host.now()) })
    if (isDev) saveVaultToken(host.home, token)
    const kept = saved.kept === null ? '' : `\nThe token that was saved for ${address} before is now in ${saved.kept}.`
    return `The root token is saved for the command line in ${saved.file} (mode 0600).${kept}`
  } catch (error) {
    return `The root token could not be saved (${error instanceof Error ? error.message : 'unknown'}). It is: ${token}`
  }
}
