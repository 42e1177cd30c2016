/** The flags that many verbs share. */
import { bool, duration, list, map, text, type FlagSet } from './flags.ts'

export const httpFlags = {
  address: text('Address of the server, such as https://vault.example.com:8200 or unix:///run/x.sock. Default: http://127.0.0.1:8200.', {
    variable: 'ADDR',
  }),
  'agent-address': text('Address of a local agent to go through.', { variable: 'AGENT_ADDR' }),
  'ca-cert': text('PEM file with the authority that signed the server\'s certificate.', { variable: 'CACERT', values: 'file' }),
  'ca-path': text('Folder of PEM files with authorities.', { variable: 'CAPATH', values: 'folder' }),
  'client-cert': text('PEM file with the client certificate to show.', { variable: 'CLIENT_CERT', values: 'file' }),
  'client-key': text('PEM file with the private key of -client-cert.', { variable: 'CLIENT_KEY', values: 'file' }),
  namespace: text('Namespace that paths are relative to. -ns is short for it.', { variable: 'NAMESPACE', aliases: ['ns'] }),
  'tls-server-name': text('Name to expect in the server\'s certificate.', { variable: 'TLS_SERVER_NAME' }),
  'tls-skip-verify': bool('Accept any certificate. Whoever is in between can read and change everything.', { variable: 'SKIP_VERIFY' }),
  'disable-redirects': bool('Do not follow a redirect to the active node.', { variable: 'DISABLE_REDIRECTS' }),
  'wrap-ttl': duration('Wrap the answer: print a token that can be unwrapped once within this time.', { variable: 'WRAP_TTL' }),
  header: map('Further header for the request, name=value. May be given several times; X-Vault- headers are refused.'),
  mfa: list('Credentials for multi-factor authentication.', { variable: 'MFA' }),
  'policy-override': bool('Override soft-mandatory policies.', { hidden: true }),
  'unlock-key': text('Key of a locked namespace.', { hidden: true }),
  'no-color': bool('Never colour the output.'),
  'non-interactive': bool('Never ask for input and never read from stdin.'),
  'output-curl-string': bool('Print the request as a curl command instead of sending it.'),
  'output-policy': bool('Print the policy that the request needs instead of sending it.'),
} as const satisfies FlagSet

export const outputFlags = {
  field: text('Print only this field, without a line end when the output is not a terminal. Wins over -format.'),
  format: text('Form of the output: table, json, yaml, pretty; for "read" also raw.', {
    variable: 'FORMAT',
    values: ['table', 'json', 'yaml', 'pretty', 'raw'],
  }),
  detailed: bool('Show more about each entry.', { variable: 'DETAILED' }),
} as const satisfies FlagSet
