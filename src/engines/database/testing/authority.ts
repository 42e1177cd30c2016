/** An authority for tests over TLS, with certificates for servers on this machine. */
import { randomBytes } from 'node:crypto'
import { chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pemEncode } from '../../../crypto/pem.ts'
import { findAlgorithm } from '../../../crypto/x509/algorithms.ts'
import { newSerial, writeCertificate } from '../../../crypto/x509/certificate.ts'
import { alternativeNames, basicConstraints, extKeyUsage, extKeyUsages, keyUsage } from '../../../crypto/x509/extensions.ts'
import { noNames } from '../../../crypto/x509/general-names.ts'
import { generateKey, privateKeyOf, privatePem } from '../../../crypto/x509/keys.ts'
import { attributeTypes, writeName } from '../../../crypto/x509/name.ts'
import type { Owner } from './place.ts'

export interface TestAuthority {
  /** PEM, as everything here. */
  readonly ca: string
  readonly caKey: string
  /** For servers that are asked for by that name, or as 127.0.0.1. */
  readonly issue: (name: string) => { readonly cert: string; readonly key: string }
}

const dayMs = 86_400_000

/** `names`: who gets a certificate. */
export async function makeAuthority(names: readonly string[] = ['localhost']): Promise<TestAuthority> {
  const made = await generateKey('ec', 256)
  const subject = writeName([[{ type: attributeTypes.commonName, value: `Authority ${randomBytes(8).toString('hex')}` }]])
  const algorithm = findAlgorithm('ECDSAWithSHA256')
  if (algorithm === null) throw new Error('no such algorithm')
  const signer = { algorithm, key: privateKeyOf('ec', made.privateDer) }
  const times = { notBefore: Date.now() - dayMs, notAfter: Date.now() + dayMs }
  const serial = (): Buffer => newSerial(randomBytes)
  const ca = await writeCertificate({ ...times, serial: serial(), issuer: subject, subject, spki: made.spki, extensions: [basicConstraints(true, null), keyUsage([5, 6])] }, signer)
  const issued = new Map<string, { cert: string; key: string }>()
  for (const name of names) {
    const { privateDer, spki } = await generateKey('ec', 256)
    const extensions = [extKeyUsage([extKeyUsages['serverauth'] ?? '', extKeyUsages['clientauth'] ?? '']), alternativeNames({ ...noNames, dns: [name], ip: ['127.0.0.1'] }, false)]
    const der = await writeCertificate({ ...times, serial: serial(), issuer: subject, subject: writeName([[{ type: attributeTypes.commonName, value: name }]]), spki, extensions }, signer)
    issued.set(name, { cert: pemEncode('CERTIFICATE', der), key: privatePem('ec', privateDer) })
  }
  return {
    ca: pemEncode('CERTIFICATE', ca),
    caKey: privatePem('ec', made.privateDer),
    issue(name) {
      const found = issued.get(name)
      if (found === undefined) throw new Error(`nobody is called ${name}`)
      return found
    },
  }
}

/** Paths of files for a server called `localhost`, which only `owner` may read. */
export function tlsFiles({ ca, issue }: TestAuthority, folder: string, owner: Owner | null): { readonly ca: string; readonly cert: string; readonly key: string } {
  const file = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text, { mode: 0o600 })
    if (owner !== null) chownSync(path, owner.uid, owner.gid)
    return path
  }
  const { cert, key } = issue('localhost')
  return { ca: file('ca.pem', ca), cert: file('cert.pem', cert), key: file('key.pem', key) }
}
