/** `ssh-helper`: what PAM of a host asks whether a one-time password is right. */
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { createClient } from '../../../client/src/client.ts'
import { parseErrors } from '../../../client/src/envelope.ts'
import { ClientError } from '../../../client/src/errors.ts'
import { isExactObject, parseExact, type ExactObject } from '../../../client/src/exact-json.ts'
import { nodeFetch } from '../../../client/src/node/transport.ts'
import { refusal } from '../../../client/src/transport.ts'
import { findAddress, isAddressWithin, parseCidr } from '../../kit/cidr.ts'
import { readCertificates } from '../certificates.ts'
import { defineCommand, type Session } from '../command.ts'
import { describeError } from '../describe-failure.ts'
import { remoteError, usageError } from '../failure.ts'
import { describeFileError } from '../file-error.ts'
import { bool, text } from '../flags.ts'
import { joinPath } from '../paths.ts'
import { objectOf, textOf } from '../secret.ts'
import { parseHelperConfig, type HelperConfig } from '../ssh/helper-config.ts'

const echo = { request: 'verify-echo-request', response: 'verify-echo-response' }
/** Somebody waits at a prompt, and PAM waits with them. */
const timeoutMs = 30_000

export const command = defineCommand({
  name: 'ssh-helper',
  summary: 'Let PAM verify one-time passwords for SSH',
  description:
    'Runs on the host that is logged in to, below PAM (pam_exec with expose_authtok): reads the password from standard input, has the server verify it, ' +
    'and compares user, address and role. Takes the configuration of vault-ssh-helper. Exit code 0 lets in.',
  examples: [
    ['See whether the configuration leads to the right server:', 'ssh-helper -verify-only -config=/etc/ssh-helper.hcl'],
    ['The line in /etc/pam.d/sshd:', 'ssh-helper -config=/etc/ssh-helper.hcl'],
  ],
  flags: {
    config: text('The configuration.', { values: 'file' }),
    'verify-only': bool('Only ask the server whether it is the right one.'),
    dev: bool('Take an address without TLS.'),
  },
  remote: false,
  async run(session) {
    const { config: file, dev, 'verify-only': isTrial } = session.flags
    if (file === undefined) throw usageError('-config is missing')
    const config = parseHelperConfig(readConfig(file), dev)
    const otp = isTrial ? echo.request : (await session.readInput()).replace(/[\0\r\n]+$/, '')
    if (otp === '') throw remoteError('no password on standard input')
    const answer = await verify(config, otp)
    if (isTrial) checkEcho(session, answer)
    else checkLogin(session, config, answer)
  },
})

function readConfig(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usageError(describeFileError(error))
  }
}

/** Throws `Failure` (2) with what the server says, never with the password. */
async function verify(config: HelperConfig, otp: string): Promise<ExactObject> {
  const { caCert, caPath, tlsServerName: serverName } = config
  const ca = caCert === undefined && caPath === undefined ? {} : { ca: readCertificates(caCert, caPath) }
  const tls = { insecure: config.tlsSkipVerify, ...ca, ...(serverName === undefined ? {} : { serverName }) }
  const client = createClient({ address: config.address, fetch: nodeFetch({ tls }), maxRetries: 0, timeoutMs })
  const namespace = config.namespace.replace(/^\/+|\/+$/g, '')
  const headers = { 'X-Vault-Request': 'true', ...(namespace === '' ? {} : { 'X-Vault-Namespace': `${namespace}/` }) }
  const path = joinPath(config.mount, 'verify')
  try {
    const answer = await client.request('PUT', path, { token: '', headers, body: { otp } })
    if (answer.status !== 200) throw refusal(answer, 'PUT', parseErrors(answer.text), {})
    const parsed = parseExact(answer.text)
    const data = isExactObject(parsed) ? objectOf(parsed['data']) : null
    if (data === null) throw remoteError('the answer of the server has no data')
    return data
  } catch (error) {
    if (error instanceof ClientError) throw remoteError(describeError(error))
    if (error instanceof SyntaxError) throw remoteError('the answer is no JSON object: is vault_addr a Vault API server?')
    throw error
  }
}

function checkEcho({ print }: Session, answer: ExactObject): void {
  if (textOf(answer['message']) !== echo.response) throw remoteError('the server does not answer as an SSH engine does')
  print.line('Helper verification successful!')
}

/** The password was right, and is spent; what is left is whether it was for this user on this host. */
function checkLogin({ host, print }: Session, config: HelperConfig, answer: ExactObject): void {
  const user = host.environment['PAM_USER'] ?? ''
  const [owner, ip, role] = [textOf(answer['username']), textOf(answer['ip']), textOf(answer['role_name'])]
  if (user === '') throw remoteError('PAM_USER is not set: PAM is to run this')
  if (owner !== user) throw remoteError('the password is for another user')
  if (config.allowedRoles !== null && !config.allowedRoles.includes(role)) throw remoteError(`the password is of the role ${JSON.stringify(role)}, which is not among allowed_roles`)
  if (!isOwnAddress(ip) && !isAddressWithin(config.allowedRanges, ip)) throw remoteError('the password is for an address that this host does not have')
  print.line(`${user} authenticated!`)
}

function isOwnAddress(ip: string): boolean {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address.replace(/%.*$/, '')))
  return findAddress(ip) !== null && own.some((address) => isAddressWithin([parseCidr(address)], ip))
}
