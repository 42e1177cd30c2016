/** `agent`: logs in by itself, keeps files and a program supplied with secrets, and answers requests in place of the server. */
import { agentFlags, runAs } from '../agent-command.ts'
import { defineCommand } from '../command.ts'

export const command = defineCommand({
  name: 'agent',
  summary: 'Log in by itself, and keep files and a program supplied with secrets',
  description:
    'Reads a configuration with the keys of Vault Agent: auto_auth (methods approle, cert, jwt, kubernetes, ldap, userpass, token_file), sinks, templates in the ' +
    'language of consul-template, env_template with exec, listeners for programs that would talk to the server, with a cache. Without auto_auth it uses the token that other ' +
    'verbs would use. SIGHUP reads what has no lease anew, and the certificates of listeners.',
  examples: [
    ['As a configuration says:', 'agent -config=agent.hcl'],
    ['Once, for a start script:', 'agent -config=agent.hcl -exit-after-auth'],
  ],
  flags: agentFlags,
  run: (session) => runAs('agent', session),
})
