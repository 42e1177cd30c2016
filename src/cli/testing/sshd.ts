/**
 * A real sshd on a free port of 127.0.0.1, for tests. It runs as whoever runs the test and changes nothing of the machine's own: keys and configuration
 * are in a temporary folder, and where it asks PAM, the library pam_wrapper reads services from there, too.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, rmdirSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { freePort } from './server.ts'

export interface Sshd {
  readonly port: number
  readonly folder: string
  /** What it has logged so far. */
  readonly log: () => string
  stop(): Promise<void>
}

const program = '/usr/sbin/sshd'
const wrapper = ['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/libpam_wrapper.so`).find((file) => existsSync(file))
/** Where sshd puts the part of itself that has no rights; only made by the service of the distribution. */
const emptyFolder = '/run/sshd'

export const missingSshd: string | false = existsSync(program) ? false : 'openssh-server is not installed'
export const missingPamWrapper: string | false = missingSshd || (wrapper === undefined ? 'libpam-wrapper is not installed' : false)

/** A new folder with a host key in it, which is put into place by `startSshd`. */
export function makeSshdFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-sshd-'))
  const made = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'host')], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(made.stderr)
  return folder
}

/** `settings` are lines of sshd_config; `pamHelper` is a command that PAM runs with the password on its standard input. */
export async function startSshd(folder: string, settings: readonly string[], pamHelper?: string): Promise<Sshd> {
  const port = await freePort()
  const common = [`Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${folder}/host`, 'PidFile none', 'StrictModes no', 'LogLevel VERBOSE', 'AuthorizedKeysFile none']
  const root = userInfo().uid === 0 ? [`PermitRootLogin ${pamHelper === undefined ? 'prohibit-password' : 'yes'}`] : []
  writeFileSync(join(folder, 'sshd_config'), [...common, ...root, ...settings, ''].join('\n'))
  const madeEmptyFolder = userInfo().uid === 0 && mkdirSync(emptyFolder, { recursive: true }) !== undefined
  const child = spawn(program, ['-D', '-e', '-f', join(folder, 'sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...(pamHelper === undefined ? {} : pamEnvironment(folder, pamHelper)) },
  })
  let log = ''
  const listening = new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text
      if (log.includes('Server listening')) resolve()
    })
    child.once('error', reject).once('exit', () => reject(new Error(`sshd has ended: ${log}`)))
  })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await gone
    rmSync(folder, { recursive: true, force: true })
    if (madeEmptyFolder) rmdirSync(emptyFolder)
  }
  await listening.catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return { port, folder, log: () => log, stop }
}

function pamEnvironment(folder: string, helper: string): Record<string, string> {
  mkdirSync(join(folder, 'pam.d'))
  const lines = [`auth requisite pam_exec.so quiet expose_authtok ${helper}`, 'auth required pam_permit.so', 'account required pam_permit.so', 'session required pam_permit.so']
  writeFileSync(join(folder, 'pam.d/sshd'), `${lines.join('\n')}\n`)
  return { LD_PRELOAD: wrapper ?? '', PAM_WRAPPER: '1', PAM_WRAPPER_SERVICE_DIR: join(folder, 'pam.d') }
}
