/** What `agent` and `proxy` have in common: a configuration, from which everything else comes. */
import { hostname } from 'node:os'
import { AgentConfigError } from '../agent/config/entries.ts'
import { agentConfigOf } from '../agent/config/config.ts'
import type { AgentConfig, AgentMode, ConnectionUse, ServerSettings } from '../agent/config/settings.ts'
import { readAgentFiles } from '../agent/config/read.ts'
import { runAgent, type Connections } from '../agent/agent.ts'
import { loginFiles } from '../agent/auth/methods.ts'
import type { Client } from '../../client/src/client.ts'
import { readVariable } from '../../client/src/node/environment.ts'
import { agentHost } from './agent-host.ts'
import type { Session } from './command.ts'
import { connectClient, connectUpstream, type HttpValues } from './connect.ts'
import { usageError } from './failure.ts'
import { bool, list, text, withDefault, type FlagValues } from './flags.ts'
import type { Host } from './host.ts'
import { findToken } from './saved-token.ts'

export const agentFlags = {
  config: list('Configuration file, or folder of them. May be given several times.', { values: 'file' }),
  'exit-after-auth': bool('End after the first login, once sinks and templates are written.'),
  'log-level': withDefault(text('trace, debug, info, warn or error.', { variable: 'LOG_LEVEL' }), ''),
  'log-format': withDefault(text('standard or json.', { variable: 'LOG_FORMAT' }), ''),
  'log-file': withDefault(text('File that the log goes to as well, or a folder for it (with a slash at its end).', { variable: 'LOG_FILE', values: 'file' }), ''),
}
type AgentSession = Session<FlagValues<typeof agentFlags>>

/** Resolves with the exit code. Throws `Failure` (1) for a configuration that cannot be used. */
export async function runAs(mode: AgentMode, session: AgentSession): Promise<number> {
  try {
    const config = configOf(mode, session)
    const { level, format, file } = config.log
    const flags = session.flags
    const path = flags['log-file']
    const log = { level: flags['log-level'] || level, format: flags['log-format'] || format, file: path === '' ? file : { ...(file ?? { bytesMax: 0, secondsMax: 86_400, filesMax: 0 }), path }, name: mode }
    return await runAgent(mode, config, await connectionsFor(config, session), agentHost(session.host, log))
  } catch (error) {
    if (error instanceof AgentConfigError) throw usageError(`Error in the configuration: ${error.message}`)
    throw error
  }
}

function configOf(mode: AgentMode, { flags: { config: paths = [], 'exit-after-auth': exits }, host }: AgentSession): AgentConfig {
  if (paths.length === 0) throw usageError('Must specify at least one config path using -config')
  const config = agentConfigOf(readAgentFiles(paths), mode, host.environment, hostname())
  return { ...config, exitAfterAuth: exits === true || config.exitAfterAuth, unkept: new Set([...config.unkept, ...unkeptByEnvironment(mode, host)]) }
}

/** `VAULT_AGENT_DISABLE_KEEP_ALIVES=auto-auth,proxying` and its kin. */
function unkeptByEnvironment(mode: AgentMode, { environment }: Host): ConnectionUse[] {
  const written = ['IDLE_CONNECTIONS', 'KEEP_ALIVES'].flatMap((what) => (readVariable(environment, `${mode.toUpperCase()}_DISABLE_${what}`) ?? '').split(','))
  const words = written.map((word) => word.trim().replace('caching', 'proxying'))
  return (['auto-auth', 'templating', 'proxying'] as const).filter((use) => words.includes(use))
}

async function connectionsFor({ server, method, unkept }: AgentConfig, { host, flags }: AgentSession): Promise<Connections> {
  // The address of an agent is for its clients: it must not talk to itself.
  const http = { ...(flags as unknown as HttpValues), 'agent-address': undefined, ...flagsOf(server) } as HttpValues
  const token = method === null ? await findToken(host, http.address || 'http://127.0.0.1:8200') : ''
  const maxRetries = Math.min(server.retries, 5)
  const keepAlive = (use: ConnectionUse): { readonly keepAlive: boolean } => ({ keepAlive: !unkept.has(use) })
  const own = method === null ? null : loginFiles(method)
  const login = async (more: object): Promise<Client> => await connectClient(host, { ...http, ...more }, { token: '', maxRetries: 0, ...keepAlive('auto-auth') })
  const kept = own === null ? await login({}) : null
  return {
    login: async () => kept ?? (await login(flagsOf(own ?? {}))),
    templates: await connectClient(host, http, { token, exactNumbers: true, maxRetries, ...keepAlive('templating') }),
    proxy: await connectUpstream(host, http, { maxRetries, ...keepAlive('proxying') }),
  }
}

/** What the configuration says counts, where it says anything. */
function flagsOf({ address, namespace, caCert, caPath, clientCert, clientKey, skipVerify, serverName }: Partial<ServerSettings>): Record<string, unknown> {
  const said = { address, namespace, 'ca-cert': caCert, 'ca-path': caPath, 'client-cert': clientCert, 'client-key': clientKey, 'tls-server-name': serverName }
  return { ...Object.fromEntries(Object.entries(said).filter(([, value]) => value)), ...(skipVerify === true ? { 'tls-skip-verify': true } : {}) }
}
