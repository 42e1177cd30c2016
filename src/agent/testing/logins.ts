/** What logins of an agent need beside the server: keys, JWTs, certificates, and a Kubernetes that knows a service account. */
import { execFileSync } from 'node:child_process'
import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { RequestListener, Server } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

/** ES256 (RFC 7518 §3.4). */
export function signJwt(key: KeyObject, claims: Readonly<Record<string, unknown>>): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'ES256', typ: 'JWT' })}.${part(claims)}`
  return `${text}.${createSign('SHA256').update(text).sign({ key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

export const makeKeys = (): { readonly privateKey: KeyObject; readonly publicPem: string } => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { privateKey, publicPem: String(publicKey.export({ type: 'spki', format: 'pem' })) }
}

const account = { namespace: 'shop', name: 'web', uid: '9d0f6c1e-0000-4000-8000-000000000001' }

/** The claims of a token that a pod gets for its service account. */
export const accountClaims = (seconds: number): Readonly<Record<string, unknown>> => ({
  iss: 'https://kubernetes.default.svc.cluster.local', sub: `system:serviceaccount:${account.namespace}:${account.name}`, aud: ['coffer'], iat: seconds - 10, nbf: seconds - 10, exp: seconds + 600,
  'kubernetes.io': { namespace: account.namespace, serviceaccount: { name: account.name, uid: account.uid } },
})

export interface Served {
  readonly address: string
  readonly stop: () => Promise<unknown>
}

export async function serveOn(server: Server): Promise<Served> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { address: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, stop: async () => await new Promise((resolve) => { server.closeAllConnections(); server.close(resolve) }) }
}

/** With the certificate `server` of the folder. Answers TokenReview (`authentication.k8s.io/v1`) as the API server of Kubernetes documents it: the one token is the account's, every other one nobody's. */
export async function startKubernetes(folder: string, token: string): Promise<Served> {
  const review: RequestListener = (request, response) => void request.toArray().then((chunks) => {
    const asked = JSON.parse(Buffer.concat(chunks).toString()) as { readonly apiVersion: string; readonly spec: { readonly token: string } }
    const isReview = request.method === 'POST' && request.url === '/apis/authentication.k8s.io/v1/tokenreviews'
    const user = { username: `system:serviceaccount:${account.namespace}:${account.name}`, uid: account.uid, groups: ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`] }
    const status = asked.spec.token === token ? { authenticated: true, user, audiences: ['coffer'] } : { authenticated: false, error: 'invalid bearer token' }
    response.writeHead(isReview ? 201 : 404, { 'Content-Type': 'application/json' }).end(JSON.stringify({ kind: 'TokenReview', apiVersion: asked.apiVersion, spec: asked.spec, status }))
  })
  const [cert, key] = ['server.pem', 'server-key.pem'].map((name) => readFileSync(join(folder, name)))
  return await serveOn(createServer({ cert, key }, review))
}

/** `NAME.pem` and `NAME-key.pem`, self-signed, for clients and for 127.0.0.1. */
export function makeCertificate(folder: string, name: string): void {
  const [key, cert] = [join(folder, `${name}-key.pem`), join(folder, `${name}.pem`)]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'extendedKeyUsage=serverAuth,clientAuth'], { stdio: 'ignore' })
}
