/** A certificate for `-dev-tls`: a CA of its own and a certificate for this machine, made by openssl into a folder. */
import { execFile } from 'node:child_process'
import { mkdtemp, mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { defaultTls, type TlsSettings } from '../http/tls.ts'
import { ConfigError } from './config/blocks.ts'

const run = promisify(execFile)

export interface DevTls {
  readonly settings: TlsSettings
  readonly caFile: string
}

/** `folder` '' makes a new temporary one. */
export async function devTls(folder: string): Promise<DevTls> {
  const target = folder === '' ? await mkdtemp(join(tmpdir(), 'coffer-tls-')) : folder
  await mkdir(target, { recursive: true, mode: 0o700 })
  const at = (name: string): string => join(target, name)
  const openssl = async (...args: string[]): Promise<void> => {
    await run('openssl', args).catch((error: NodeJS.ErrnoException) => {
      throw new ConfigError(`-dev-tls needs the command openssl to make a certificate: ${error.code ?? 'it failed'}`, { cause: error })
    })
  }
  const newKey = (file: string): string[] => ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at(file)]
  await openssl('req', '-x509', ...newKey('vault-ca-key.pem'), '-out', at('vault-ca.pem'), '-days', '365', '-subj', '/CN=Coffer dev CA')
  await openssl('req', ...newKey('vault-key.pem'), '-out', at('vault.csr'), '-subj', '/CN=localhost')
  await writeFile(at('san.cnf'), 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\n')
  await openssl('x509', '-req', '-in', at('vault.csr'), '-CA', at('vault-ca.pem'), '-CAkey', at('vault-ca-key.pem'), '-CAcreateserial', '-days', '365', '-extfile', at('san.cnf'), '-out', at('vault-cert.pem'))
  return { settings: { ...defaultTls, certFile: at('vault-cert.pem'), keyFile: at('vault-key.pem') }, caFile: at('vault-ca.pem') }
}
