/** TLS of a listener: its settings, its files, and what Node is told. */
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { SecureContextOptions, SecureVersion, TlsOptions } from 'node:tls'
import { createSecureContext } from 'node:tls'

/** The `tls_*` settings of a listener. */
export interface TlsSettings {
  /** PEM: the certificate, followed by those between it and the root. */
  readonly certFile: string
  readonly keyFile: string
  /** `tls_client_ca_file`: PEM of the CAs whose certificates a client may show. */
  readonly clientCaFile: string | null
  /** `tls_require_and_verify_client_cert`: a handshake without a certificate of those CAs fails. */
  readonly requireClientCert: boolean
  /** `tls_disable_client_certs`: clients are not asked for one. Otherwise they are, and any or none will do. */
  readonly disableClientCerts: boolean
  readonly minVersion: SecureVersion
  readonly maxVersion: SecureVersion
  /** OpenSSL's names, joined by ':'; null for ours. Counts for TLS 1.2 only as far as it names suites of TLS 1.2. */
  readonly ciphers: string | null
  /** 48 bytes that several processes behind one address share, so that any of them can resume a session; null: each its own. */
  readonly ticketKeys: Buffer | null
}

export const defaultTls = Object.freeze({
  clientCaFile: null,
  requireClientCert: false,
  disableClientCerts: false,
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: null,
  ticketKeys: null,
} as const satisfies Partial<TlsSettings>)

/** Forward secret and authenticated only (RFC 9325). TLS 1.3 chooses among the first three. */
const currentCiphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

/** Handshakes that take longer are cut: milliseconds. */
const handshakeTimeout = 10_000

/**
 * Reads the files and checks that they fit together. Throws an `Error` that names the setting and the file at fault, and leaves
 * whatever is in use as it is: so it serves the start and the reload alike.
 */
export async function readSecureContext(settings: TlsSettings): Promise<SecureContextOptions> {
  const cert = await readPem('tls_cert_file', settings.certFile)
  const key = await readPem('tls_key_file', settings.keyFile)
  const ca = settings.clientCaFile === null ? null : await readPem('tls_client_ca_file', settings.clientCaFile)
  checkPair(settings, cert, key)
  if (ca !== null) checkCertificate('tls_client_ca_file', settings.clientCaFile ?? '', ca)
  const options: SecureContextOptions = {
    cert,
    key,
    minVersion: settings.minVersion,
    maxVersion: settings.maxVersion,
    ciphers: settings.ciphers ?? currentCiphers,
    honorCipherOrder: true,
    // Equal in all processes that share ticket keys; Node's default depends on how a process was started.
    sessionIdContext: 'coffer',
    ...(ca === null ? {} : { ca }),
  }
  try {
    createSecureContext(options)
  } catch (error) {
    throw new Error(`TLS settings of "${settings.certFile}" do not work: ${messageOf(error)}`, { cause: error })
  }
  return options
}

/** Everything that a TLS server needs besides. */
export function serverOptions(settings: TlsSettings, context: SecureContextOptions): TlsOptions {
  return {
    ...context,
    requestCert: !settings.disableClientCerts || settings.requireClientCert,
    rejectUnauthorized: settings.requireClientCert,
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout,
    ...(settings.ticketKeys === null ? {} : { ticketKeys: settings.ticketKeys }),
  }
}

async function readPem(setting: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new Error(`cannot read ${setting} "${file}": ${messageOf(error)}`, { cause: error })
  }
}

function checkCertificate(setting: string, file: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (error) {
    throw new Error(`${setting} "${file}" holds no certificate in PEM form`, { cause: error })
  }
}

function checkPair({ certFile, keyFile }: TlsSettings, cert: string, keyPem: string): void {
  const certificate = checkCertificate('tls_cert_file', certFile, cert)
  let fits: boolean
  try {
    fits = certificate.checkPrivateKey(createPrivateKey(keyPem))
  } catch (error) {
    throw new Error(`tls_key_file "${keyFile}" holds no private key in PEM form, or an encrypted one`, { cause: error })
  }
  if (!fits) throw new Error(`tls_key_file "${keyFile}" does not belong to tls_cert_file "${certFile}"`)
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : `${error}`)
