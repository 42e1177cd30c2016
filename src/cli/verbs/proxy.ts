/** `proxy`: answers requests in place of the server, with a token of its own where they bring none. */
import { agentFlags, runAs } from '../agent-command.ts'
import { defineCommand } from '../command.ts'

export const command = defineCommand({
  name: 'proxy',
  summary: 'Pass requests on to the server, with a token of its own',
  description: 'Reads a configuration with the keys of Vault Proxy: listener, api_proxy, cache, auto_auth and its sinks, telemetry. It is the agent without templates.',
  examples: [['As a configuration says:', 'proxy -config=proxy.hcl']],
  flags: agentFlags,
  run: (session) => runAs('proxy', session),
})
