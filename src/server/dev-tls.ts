/** A certificate for `-dev-tls`: a CA of its own and a certificate for this machine, made by openssl into a folder. */
import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { defaultTls, type TlsSettings } from '../http/tls.ts'
import { ConfigError } from './config/entries.ts'

const run = promisify(execFile)

export interface DevTls {
  readonly settings: TlsSettings
  readonly caFile: string
  /** Removes what was made, unless the folder was given. */
  readonly remove: () => Promise<void>
}

/** `given` '' makes a new temporary folder. Throws `ConfigError`. */
export async function makeDevTls(given: string): Promise<DevTls> {
  const folder = given === '' ? await mkdtemp(join(tmpdir(), 'coffer-tls-')) : given
  const remove = async (): Promise<void> => (given === '' ? await rm(folder, { recursive: true, force: true }) : undefined)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      throw new ConfigError(`-dev-tls-cert-dir: the folder "${folder}" cannot be made: ${error.code}`, { cause: error })
    })
    return { ...(await makeCertificates(folder)), remove }
  } catch (error) {
    await remove()
    throw error
  }
}

/** Under the names that Vault has for them. */
async function makeCertificates(folder: string): Promise<Omit<DevTls, 'remove'>> {
  const at = (name: string): string => join(folder, name)
  const [caFile, caKey, certFile, keyFile, request, names] = ['vault-ca.pem', 'vault-ca-key.pem', 'vault-cert.pem', 'vault-key.pem', 'vault.csr', 'san.cnf'].map(at) as [string, string, string, string, string, string]
  const newKey = (file: string): string[] => ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file]
  await openssl('req', '-x509', ...newKey(caKey), '-out', caFile, '-days', '365', '-subj', '/CN=Coffer dev CA')
  await openssl('req', ...newKey(keyFile), '-out', request, '-subj', '/CN=localhost')
  await writeFile(names, 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\n')
  await openssl('x509', '-req', '-in', request, '-CA', caFile, '-CAkey', caKey, '-CAcreateserial', '-days', '365', '-extfile', names, '-out', certFile)
  for (const file of [caKey, keyFile]) await chmod(file, 0o600)
  for (const file of [request, names, at('vault-ca.srl')]) await rm(file, { force: true })
  return { settings: { ...defaultTls, certFile, keyFile }, caFile }
}

async function openssl(...args: string[]): Promise<void> {
  await run('openssl', args).catch((error: NodeJS.ErrnoException & { stderr?: string }) => {
    const why = error.code === 'ENOENT' ? 'it is not installed' : (error.stderr?.trim().split('\n').at(-1) ?? 'it failed')
    throw new ConfigError(`-dev-tls needs the command openssl to make a certificate: ${why}`, { cause: error })
  })
}
