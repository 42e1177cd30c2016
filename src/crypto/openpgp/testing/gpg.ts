/** A real GnuPG with a folder of keys of its own, for tests: it makes keys, and reads what was encrypted to them. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Gpg {
  /** Runs gpg and gives what it prints. Throws with what it says when it fails. */
  readonly run: (args: readonly string[], input?: Uint8Array | string) => Buffer
  /** Makes a key, and gives its fingerprint in lower case. `kinds`: as `--quick-gen-key` and then `--quick-add-key` know them. */
  readonly make: (name: string, kinds: readonly string[], expires?: string) => string
  /** The public key, binary or armoured. */
  readonly export: (name: string, isArmoured?: boolean) => Buffer
  readonly decrypt: (message: Uint8Array) => string
}

/** Why there is no gpg to test with; false where there is one. With CI=true it must be there. */
export function gpgMissing(): string | false {
  try {
    execFileSync('gpg', ['--version'], { stdio: 'pipe' })
    return false
  } catch {
    return 'gpg is not installed'
  }
}

/** Gives `work` a gpg, and leaves neither keys nor processes behind. */
export async function withGpg<T>(work: (gpg: Gpg, folder: string) => Promise<T> | T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'cf-gpg-'))
  const run = (args: readonly string[], input?: Uint8Array | string): Buffer =>
    execFileSync('gpg', ['--homedir', folder, '--batch', '--no-tty', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', ...args], { stdio: 'pipe', input: input ?? '' })
  const make = (name: string, [primary = 'default', ...subkeys]: readonly string[], expires = 'never'): string => {
    run(['--quick-gen-key', `${name} <${name}@example.com>`, primary, subkeys.length === 0 ? 'default' : 'sign', expires])
    const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(run(['--with-colons', '--list-keys', `${name}@example.com`]).toString())?.[1] ?? ''
    for (const subkey of subkeys) run(['--quick-add-key', fingerprint, subkey, 'encr', expires])
    return fingerprint.toLowerCase()
  }
  try {
    const exported = (name: string, isArmoured = false): Buffer => run([...(isArmoured ? ['--armor'] : []), '--export', `${name}@example.com`])
    return await work({ run, make, export: exported, decrypt: (message) => run(['--decrypt'], message).toString() }, folder)
  } finally {
    execFileSync('gpgconf', ['--homedir', folder, '--kill', 'all'], { stdio: 'pipe' })
    rmSync(folder, { recursive: true, force: true })
  }
}
