/** `ssh [user@]host`: a session by SSH with a certificate or a password that is got for it. */
import { lookup } from 'node:dns/promises'
import { existsSync, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { ClientError } from '../../../client/src/errors.ts'
import type { Api } from '../api.ts'
import { defineCommand, type Session } from '../command.ts'
import { step } from '../describe-failure.ts'
import { remoteError, usageError } from '../failure.ts'
import { describeFileError } from '../file-error.ts'
import { bool, text, withDefault, type FlagValues } from '../flags.ts'
import { joinPath } from '../paths.ts'
import { textOf, type WireSecret } from '../secret.ts'
import { parseSshLine, type SshTarget } from '../ssh/command-line.ts'
import { askPass, runInForeground, withPrivateFolder, writePrivate } from '../ssh/run-ssh.ts'

const flags = {
  mode: text('How to log in.', { values: ['ca', 'otp'], placeholder: 'ca|otp' }),
  role: text('The role that gives the certificate or the password.'),
  'no-exec': bool('Print what was got, and connect to nothing.'),
  'mount-point': withDefault(text('Where the SSH engine is mounted.'), 'ssh/'),
  'strict-host-key-checking': withDefault(text('Setting of ssh for hosts that are not known.', { variable: 'SSH_STRICT_HOST_KEY_CHECKING', values: ['ask', 'no', 'yes', 'accept-new'] }), 'ask'),
  'user-known-hosts-file': text('File of known hosts.', { variable: 'SSH_USER_KNOWN_HOSTS_FILE', values: 'file' }),
  'public-key-path': text('Mode ca: the public key to be signed; default: id_ed25519.pub, id_ecdsa.pub or id_rsa.pub in ~/.ssh.', { values: 'file' }),
  'private-key-path': text('Mode ca: its private key; default: the same path without ".pub".', { values: 'file' }),
  'host-key-mount-point': text('Mode ca: the engine whose authority signs keys of hosts; only such hosts are connected to then.', { variable: 'SSH_HOST_KEY_MOUNT_POINT' }),
  'host-key-hostnames': withDefault(text('Mode ca: for which hosts that authority counts, comma-separated.', { variable: 'SSH_HOST_KEY_HOSTNAMES' }), '*'),
  'valid-principals': text('Mode ca: for whom the certificate is; default: the user who logs in.'),
  'ssh-executable': withDefault(text('The program to run.', { variable: 'SSH_EXECUTABLE', values: 'file' }), 'ssh'),
}
type SshSession = Session<FlagValues<typeof flags>>

export const command = defineCommand({
  name: 'ssh',
  summary: 'Start a session by SSH',
  arguments: '[USER@]HOST [SSH OPTIONS]',
  description:
    'Gets a certificate (-mode=ca) or a password for one login (-mode=otp), and runs ssh with it. What follows the host is for ssh, flags as well; options of ' +
    'ssh before the host stand behind "--". The exit code is that of ssh.',
  examples: [
    ['With a certificate:', 'ssh -mode=ca -role=ops ubuntu@10.0.0.5'],
    ['With a password, and to a command there:', 'ssh -mode=otp -role=otp ubuntu@10.0.0.5 uptime'],
    ['Only to hosts whose key an authority has signed:', 'ssh -mode=ca -role=ops -host-key-mount-point=ssh-hosts ubuntu@web.example.com'],
  ],
  flags,
  output: ['field', 'format'],
  args: { min: 1, max: -1 },
  passesFlags: true,
  async run(session) {
    const { mode, role } = session.flags
    if (!role) throw usageError('No -role specified: it says which role gives the certificate or the password.')
    if (!mode) throw usageError('No -mode specified: write -mode=ca or -mode=otp.')
    const line = parseSshLine(session.args)
    const target = { ...line, user: line.user || userInfo().username }
    if (mode.toLowerCase() === 'ca') return await withCertificate(session, role, target)
    if (mode.toLowerCase() === 'otp') return await withPassword(session, role, target)
    throw usageError(`Unknown SSH mode: ${mode}`)
  },
})

const standardKeys = ['id_ed25519', 'id_ecdsa', 'id_rsa']

function keyPaths({ flags: { 'public-key-path': given, 'private-key-path': secret }, host }: SshSession): { readonly publicPath: string; readonly privatePath: string } {
  const inHome = (path: string): string => (path.startsWith('~/') ? join(host.home, path.slice(2)) : path)
  const found = standardKeys.map((name) => join(host.home, '.ssh', `${name}.pub`)).find((path) => existsSync(path))
  const publicPath = given === undefined ? found : inHome(given)
  if (publicPath === undefined) throw usageError('There is no key in ~/.ssh: make one with ssh-keygen, or name one with -public-key-path.')
  return { publicPath, privatePath: secret === undefined ? publicPath.replace(/\.pub$/, '') : inHome(secret) }
}

/** All that a session at a keyboard may want, as Vault asks for it. */
const wantedExtensions = ['permit-X11-forwarding', 'permit-agent-forwarding', 'permit-port-forwarding', 'permit-pty', 'permit-user-rc']

/** Where the role does not allow all of the extensions, those count that it gives by itself. */
async function sign(api: Api, path: string, body: Readonly<Record<string, unknown>>): Promise<WireSecret | null> {
  try {
    return await api.write(path, { ...body, extensions: Object.fromEntries(wantedExtensions.map((name) => [name, ''])) })
  } catch (error) {
    if (error instanceof ClientError && error.status === 400 && error.errors.some((reason) => reason.startsWith('extensions ['))) return await api.write(path, body)
    throw error
  }
}

async function withCertificate(session: SshSession, role: string, target: SshTarget): Promise<number | void> {
  const { flags: given, print, host } = session
  const { publicPath, privatePath } = keyPaths(session)
  const public_key = readKey(publicPath)
  const api = await session.api()
  const body = { public_key, valid_principals: given['valid-principals'] || target.user, cert_type: 'user' }
  const secret = await step(`failed to sign public key ${publicPath}`, () => sign(api, joinPath(given['mount-point'], 'sign', role), body))
  if (given['no-exec'] && secret !== null) return await print.secret(secret)
  const certificate = textOf(secret?.data?.['signed_key'])
  if (certificate === '') throw remoteError('missing signed key')
  const known = given['host-key-mount-point'] ? await hostAuthority(api, given['host-key-mount-point'], given['host-key-hostnames']) : null
  return await withPrivateFolder((folder) => {
    const file = writePrivate(folder, 'key-cert.pub', certificate)
    const hosts = known === null ? given['user-known-hosts-file'] : writePrivate(folder, 'known_hosts', known)
    const checking = known === null ? given['strict-host-key-checking'] : 'yes'
    const options = ['-i', privatePath, ...setting('CertificateFile', file), ...setting('IdentitiesOnly', 'yes'), ...hostSettings(hosts, checking)]
    return runInForeground(given['ssh-executable'], [...options, ...session.args], host.environment as NodeJS.ProcessEnv)
  })
}

function readKey(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw usageError(`failed to read public key ${path}: ${describeFileError(error)}`)
  }
}

/** The line of `known_hosts` that trusts whatever an authority has signed. */
async function hostAuthority(api: Api, mount: string, hostnames: string): Promise<string> {
  const { text: key } = await step('failed to get host signing key', () => api.sendOk('GET', joinPath(mount, 'public_key')))
  if (!/^(?:ssh|ecdsa)-\S+ \S+/.test(key)) throw remoteError('host signing key is empty')
  return `@cert-authority ${hostnames} ${key.trim()}\n`
}

const setting = (name: string, value: string): string[] => ['-o', `${name}=${value}`]
const hostSettings = (file: string | undefined, checking: string): string[] => [
  ...(file ? setting('UserKnownHostsFile', file) : []), ...setting('StrictHostKeyChecking', checking),
]

async function withPassword(session: SshSession, role: string, target: SshTarget): Promise<number | void> {
  const { flags: given, print, host } = session
  const ip = await addressOf(target.host)
  const api = await session.api()
  const path = joinPath(given['mount-point'], 'creds', role)
  const secret = await step('failed to generate credential', () => api.write(path, { username: target.user, ip }))
  if (given['no-exec'] && secret !== null) return await print.secret(secret)
  const otp = textOf(secret?.data?.['key'])
  if (otp === '') throw remoteError('failed to generate credential: the answer has no key')
  const port = target.port === '' ? setting('Port', String(secret?.data?.['port'] ?? 22)) : []
  const once = [...setting('NumberOfPasswordPrompts', '1'), ...setting('PreferredAuthentications', 'keyboard-interactive,password'), ...setting('PubkeyAuthentication', 'no')]
  const options = [...port, ...once, ...hostSettings(given['user-known-hosts-file'], given['strict-host-key-checking'])]
  try {
    return await withPrivateFolder((folder) => {
      const environment = { ...host.environment, COFFER_SSH_OTP: otp, SSH_ASKPASS: writePrivate(folder, 'askpass', askPass, 0o700), SSH_ASKPASS_REQUIRE: 'force' }
      return runInForeground(given['ssh-executable'], [...options, ...session.args], environment)
    })
  } finally {
    await revoke(api, secret?.lease_id ?? '')
  }
}

/** The engine knows hosts by address. */
async function addressOf(name: string): Promise<string> {
  try {
    return (await lookup(name)).address
  } catch {
    throw usageError(`Error resolving the ssh hostname: ${JSON.stringify(name)} leads nowhere (no such host)`)
  }
}

/** A password that was not used is worth nothing any more. Few may revoke; then it ends with its lease. */
async function revoke(api: Api, lease_id: string): Promise<void> {
  try {
    await api.write('sys/leases/revoke', { lease_id })
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
  }
}
