/** Workloads of PKI: certificates from a root and for keys on P-256, which are made or come in a signing request. */
import { call, type Target } from './api.ts'
import { formatRequest } from './load.ts'

export const pkiMount = 'bench-pki'

/** A request for the key that it was signed with, which nobody has any more: the server only sees its public half. */
const csr = `-----BEGIN CERTIFICATE REQUEST-----
MIIBSzCB8gIBADBMMRgwFgYDVQQDDA93d3cuZXhhbXBsZS5jb20xEDAOBgNVBAoM
B0NzciBPcmcxETAPBgNVBAsMCENzciBVbml0MQswCQYDVQQGEwJERTBZMBMGByqG
SM49AgEGCCqGSM49AwEHA0IABAfBP83+wQdZCvbOq3SYXE6S+3J06z2BewbjigMz
BOTRLDSVMEocF1rXasAUNkjChsRvue4KVNNVIgOnyOtvSmGgRDBCBgkqhkiG9w0B
CQ4xNTAzMDEGA1UdEQQqMCiCD3d3dy5leGFtcGxlLmNvbYIPYWx0LmV4YW1wbGUu
Y29thwQKAQIDMAoGCCqGSM49BAMCA0gAMEUCIBSi1xTKXc15Oj+EW9JpZq5YEOl2
k3sadIjL/dOllOxNAiEAt04tw2nrsbLyUXIpUesHWv+vAJJzUjQdT3KIBa3327k=
-----END CERTIFICATE REQUEST-----
`

/** Requests to `operation` with a role that keeps certificates or does not. */
export const certificates = (operation: 'issue' | 'sign', isStored: boolean, tokenFor: (target: Target) => Promise<string>) => async (target: Target): Promise<{ readonly requests: readonly string[] }> => {
  await call(target, 'DELETE', `sys/mounts/${pkiMount}`)
  await call(target, 'POST', `sys/mounts/${pkiMount}`, { type: 'pki', config: { max_lease_ttl: '87600h' } })
  await call(target, 'POST', `${pkiMount}/root/generate/internal`, { common_name: 'Bench Root', key_type: 'ec', ttl: '80000h' })
  await call(target, 'POST', `${pkiMount}/roles/leaf`, { allow_any_name: true, key_type: 'ec', no_store: !isStored, ttl: '24h' })
  const body = operation === 'issue' ? { common_name: 'www.example.com' } : { csr }
  return { requests: [formatRequest({ method: 'POST', path: `${pkiMount}/${operation}/leaf`, token: await tokenFor(target), body })] }
}
