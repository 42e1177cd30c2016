/** A token for tests: SoftHSM, a PKCS #11 library that keeps its tokens in files, in a folder of its own. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TokenSettings } from './messages.ts'

const libraries = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib64/pkcs11/libsofthsm2.so', '/usr/local/lib/softhsm/libsofthsm2.so', '/opt/homebrew/lib/softhsm/libsofthsm2.so']
const library = libraries.find(existsSync)
const isThere = library !== undefined && spawnSync('softhsm2-util', ['--version']).status === 0

/** For `skip`: a reason, or false when it can be had. */
export const softHsmSkip: string | false = isThere ? false : 'softhsm2 is not installed'

export interface SoftHsm {
  readonly folder: string
  readonly settings: TokenSettings
  /** What the library reads to find its tokens. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** A further token. */
  readonly addToken: (label: string) => void
  /** Decimal numbers of all slots with a token. */
  readonly slots: () => string[]
}

export const pin = 'pin-7f31c9d0'

/** In a folder that is there already, for instance that of a server. */
export function softHsmIn(folder: string, label = 'coffer'): SoftHsm {
  mkdirSync(join(folder, 'tokens'))
  const configuration = join(folder, 'softhsm2.conf')
  writeFileSync(configuration, `directories.tokendir = ${join(folder, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`)
  const environment = { ...process.env, SOFTHSM2_CONF: configuration }
  const run = (...words: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync('softhsm2-util', words, { env: environment, encoding: 'utf8' })
    if (status !== 0) throw new Error(`softhsm2-util: ${stdout}${stderr}`)
    return stdout
  }
  const addToken = (name: string): void => void run('--init-token', '--free', '--label', name, '--so-pin', 'so-pin-1', '--pin', pin)
  addToken(label)
  return {
    folder,
    environment,
    addToken,
    settings: { library: library ?? '', slot: null, label, pin, isReadOnly: false },
    slots: () => [...run('--show-slots').matchAll(/^Slot (\d+)\n(?:.*\n)*?\s+Initialized:\s+yes/gm)].map(([, slot = '']) => slot),
  }
}

export async function withSoftHsm(work: (hsm: SoftHsm) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-hsm-'))
  try {
    await work(softHsmIn(folder))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Numbers of the processes below this one that hold a token. */
export function tokenProcesses(): number[] {
  const found = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const text = (number: string, file: string): string => spawnSync('cat', [`/proc/${number}/${file}`], { encoding: 'utf8' }).stdout
  return found.filter((number) => text(number, 'cmdline').includes('token-process') && text(number, 'status').includes(`PPid:\t${process.pid}\n`)).map(Number)
}
