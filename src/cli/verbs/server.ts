/** `server`: runs a server in this process, until Ctrl-C. The server itself is loaded only here. */
import { hostname } from 'node:os'
import { saveRootToken, saveToken, saveVaultToken } from '../../../client/src/node/token-file.ts'
import { readVariable } from '../../../client/src/node/environment.ts'
import { defineCommand, type Session } from '../command.ts'
import { bool, list, text, withDefault } from '../flags.ts'
import type { DevOptions, ServerOptions } from '../../server/options.ts'
import { serverProcess } from '../server-process.ts'

interface Flags {
  readonly config: readonly string[] | undefined
  readonly data: string
  readonly listen: string
  readonly 'log-level': string
  readonly 'log-format': string
  readonly workers: string
  readonly dev: boolean
  readonly 'dev-root-token-id': string
  readonly 'dev-listen-address': string
  readonly 'dev-tls': boolean
  readonly 'dev-tls-cert-dir': string
  readonly 'dev-kv-v1': boolean
  readonly 'dev-no-kv': boolean
  readonly 'dev-no-store-token': boolean
}

/** Of Vault; taken, and said to have no effect. */
const ignored = {
  'dev-ha': bool('', { hidden: true }),
  'dev-transactional': bool('', { hidden: true }),
  'dev-plugin-dir': text('', { hidden: true }),
  'exit-on-core-shutdown': bool('', { hidden: true }),
  experiment: list('', { hidden: true }),
  'log-file': text('', { hidden: true }),
  'log-rotate-bytes': text('', { hidden: true }),
  'log-rotate-duration': text('', { hidden: true }),
  'log-rotate-max-files': text('', { hidden: true }),
}

const defaultData = './coffer-data'
const defaultListen = '127.0.0.1:8200'

export const command = defineCommand({
  name: 'server',
  summary: 'Run a server',
  description:
    'Without any flag: keeps its data in ./coffer-data, unseals itself with a key file, and listens on 127.0.0.1:8200. With -config: as ' +
    'the files say, in the format of Vault. With -dev: in memory, for a first try; all is gone at the end.',
  examples: [
    ['A server that keeps its data:', 'server'],
    ['A first try:', 'server -dev -dev-root-token-id=root'],
    ['From configuration files:', 'server -config=/etc/coffer.d'],
  ],
  flags: {
    config: list('Configuration file, or folder of them. May be given several times.', { values: 'file' }),
    data: withDefault(text('Folder for the data, where no configuration says it.', { variable: 'DATA', values: 'folder' }), defaultData),
    listen: withDefault(text('HOST:PORT to listen on, where no configuration says it.', { variable: 'LISTEN' }), defaultListen),
    'log-level': withDefault(text('trace, debug, info, warn, error or off.', { variable: 'LOG_LEVEL' }), ''),
    'log-format': withDefault(text('standard or json.', { variable: 'LOG_FORMAT' }), ''),
    workers: withDefault(text('Processes that serve requests: auto (one for each core, at most 8) or a number.', { variable: 'WORKERS' }), ''),
    dev: bool('In memory, unsealed, with a root token of one\'s choice. Never for anything real.'),
    'dev-root-token-id': withDefault(text('The root token of -dev; default: a random one.', { variable: 'DEV_ROOT_TOKEN_ID' }), ''),
    'dev-listen-address': withDefault(text('HOST:PORT for -dev.', { variable: 'DEV_LISTEN_ADDRESS' }), defaultListen),
    'dev-tls': bool('-dev with TLS, and a certificate made for it.'),
    'dev-tls-cert-dir': withDefault(text('Folder for that certificate.', { values: 'folder' }), ''),
    'dev-kv-v1': bool('KV version 1 at secret/ of -dev, in place of version 2.'),
    'dev-no-kv': bool('No secret/ in -dev.'),
    'dev-no-store-token': bool('Do not save the root token for the command line.'),
    ...ignored,
  },
  remote: false,
  async run(session) {
    warnAboutIgnored(session)
    const { serverMain } = await import('../../server/main.ts')
    return serverMain(optionsOf(session), serverProcess(session.host))
  },
})

function optionsOf(session: Session<Flags>): ServerOptions {
  const { flags, host: { environment, program } } = session
  return {
    dev: flags.dev || flags['dev-tls'] ? devOptionsOf(flags) : null,
    config: flags.config ?? [],
    localConfig: readVariable(environment, 'LOCAL_CONFIG') ?? '',
    data: flags.data,
    listen: flags.listen,
    apiAddress: readVariable(environment, 'API_ADDR') ?? readVariable(environment, 'REDIRECT_ADDR') ?? '',
    logLevel: flags['log-level'],
    logFormat: flags['log-format'],
    workers: flags.workers,
    hostname: hostname(),
    environment,
    // `npm start` and `npx coffer` both leave the command where only npx finds it.
    command: environment['npm_command'] === undefined ? program : `npx ${program}`,
    remember: flags['dev-no-store-token'] ? null : (address, token) => remember(session, address, token),
  }
}

const devOptionsOf = (flags: Flags): DevOptions => ({
  rootTokenId: flags['dev-root-token-id'] || null,
  listenAddress: flags['dev-listen-address'],
  tls: flags['dev-tls'],
  tlsFolder: flags['dev-tls-cert-dir'],
  kvVersion: flags['dev-no-kv'] ? null : flags['dev-kv-v1'] ? '1' : '2',
})

function warnAboutIgnored({ flags, given, print }: Session<Flags>): void {
  for (const name of Object.keys(ignored)) if (given.has(name)) print.warn(`The flag -${name} has no effect here.`)
  const kind = flags.dev || flags['dev-tls'] ? '-dev' : flags.config === undefined ? null : '-config'
  for (const name of kind === '-dev' ? ['data', 'listen', 'workers'] : ['data', 'listen']) if (kind !== null && given.has(name)) print.warn(`-${name} has no effect with ${kind}.`)
}

/** Keeps the root token where later commands find it; what it says goes into the notice of the first start. */
function remember(session: Session<Flags>, address: string, token: string): string {
  try {
    return save(session, address, token)
  } catch (error) {
    return `The root token could not be saved (${(error as Error).message}). It is: ${token}`
  }
}

function save({ host, flags }: Session<Flags>, address: string, token: string): string {
  const place = { home: host.home, address }
  if (flags.dev || flags['dev-tls']) {
    saveToken({ ...place, token })
    // As Vault does. A server that keeps its data leaves that file alone: it may hold the token of another one.
    if (host.program !== 'coffer') saveVaultToken(host.home, token)
    return ''
  }
  const time = new Date(host.now()).toISOString().replace(/\..*$/, '').replaceAll(':', '-')
  const { rootFile, kept, linkTaken } = saveRootToken({ ...place, token, time })
  return [
    `The root token is in ${rootFile} (mode 0600).`,
    'The command line uses it for this address, until you log in as somebody else.',
    ...(kept === null ? [] : [`The root token of an earlier server at this address was kept: ${kept}`]),
    ...(linkTaken ? ['~/.coffer-token belongs to another server, and was left as it is.'] : []),
  ].join('\n')
}
