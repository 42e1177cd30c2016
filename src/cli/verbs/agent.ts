/** `agent`: logs in by itself, keeps files and a program supplied with secrets. */
import { agentConfigOf, type AgentConfig, type ServerSettings } from '../../agent/config/config.ts'
import { AgentConfigError } from '../../agent/config/entries.ts'
import { readAgentFiles } from '../../agent/config/read.ts'
import { runAgent } from '../../agent/agent.ts'
import { agentHost } from '../agent-host.ts'
import { defineCommand, type Session } from '../command.ts'
import { connectClient, type HttpValues } from '../connect.ts'
import { usageError } from '../failure.ts'
import { bool, list, text, withDefault, type FlagValues } from '../flags.ts'
import { findToken } from '../saved-token.ts'

const flags = {
  config: list('Configuration file, or folder of them. May be given several times.', { values: 'file' }),
  'exit-after-auth': bool('End after the first login, once sinks and templates are written.'),
  'log-level': withDefault(text('trace, debug, info, warn or error.', { variable: 'LOG_LEVEL' }), ''),
  'log-format': withDefault(text('standard or json.', { variable: 'LOG_FORMAT' }), ''),
}
type AgentSession = Session<FlagValues<typeof flags>>

export const command = defineCommand({
  name: 'agent',
  summary: 'Log in by itself, and keep files and a program supplied with secrets',
  description:
    'Reads a configuration with the keys of Vault Agent: auto_auth (methods approle, cert, jwt, kubernetes, ldap, userpass, token_file), sinks, templates in the ' +
    'language of consul-template, env_template with exec. Without auto_auth it uses the token that other verbs would use. SIGHUP reads what has no lease anew.',
  examples: [
    ['As a configuration says:', 'agent -config=agent.hcl'],
    ['Once, for a start script:', 'agent -config=agent.hcl -exit-after-auth'],
  ],
  flags,
  async run(session) {
    const host = agentHost(session.host, session.flags['log-level'], session.flags['log-format'])
    try {
      const config = configOf(session)
      const http = { ...(session.flags as unknown as HttpValues), ...fromServer(config.server) } as HttpValues
      const token = config.method === null ? await findToken(session.host, http.address || 'http://127.0.0.1:8200') : ''
      const client = await connectClient(session.host, http, { token, exactNumbers: true, maxRetries: Math.min(config.server.retries, 5) })
      return await runAgent(config, client, host)
    } catch (error) {
      if (error instanceof AgentConfigError) throw usageError(`Error in the configuration: ${error.message}`)
      throw error
    }
  },
})

function configOf({ flags: { config: paths = [], 'exit-after-auth': exits } }: AgentSession): AgentConfig {
  if (paths.length === 0) throw usageError('Must specify at least one config path using -config')
  const config = agentConfigOf(readAgentFiles(paths))
  return exits === true ? { ...config, exitAfterAuth: true } : config
}

/** What the configuration says counts, where it says anything. */
function fromServer({ address, namespace, caCert, caPath, clientCert, clientKey, skipVerify, serverName }: ServerSettings): Record<string, unknown> {
  const said = { address, namespace, 'ca-cert': caCert, 'ca-path': caPath, 'client-cert': clientCert, 'client-key': clientKey, 'tls-server-name': serverName }
  return { ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== '')), ...(skipVerify ? { 'tls-skip-verify': true } : {}) }
}
