/** Answers what templates ask, from the server. */
import type { Client } from '../../../client/src/client.ts'
import { parseEnvelope, type Secret } from '../../../client/src/envelope.ts'
import type { ExactJson } from '../../../client/src/exact-json.ts'
import { Struct, type Value } from '../../kit/template/values.ts'
import type { Question } from './asking.ts'
import { asText, fromJson } from './convert.ts'

export interface Answer {
  readonly value: Value
  /** What holds the secret alive, or ''. */
  readonly leaseId: string
  /** Seconds; 0 where there is no lease. */
  readonly leaseSeconds: number
  readonly renewable: boolean
  /** Of a certificate: milliseconds since 1970; otherwise 0. */
  readonly expiresAt: number
}

/** Nothing is stored at a place that a template reads. */
class NoSecret extends Error {
  override readonly name = 'NoSecret'
}

/** `client` must keep numbers as they are (`exactNumbers`). Throws `ClientError`, and `NoSecret` where there is nothing. */
export async function answer(client: Client, question: Question, mounts: Mounts): Promise<Answer> {
  const path = await logicalPath(client, question, mounts)
  if (question.kind === 'list') return listed(await client.list(path))
  const secret = question.kind === 'read' ? await client.read(path) : await client.write(path, { ...question.data })
  if (secret === null) throw new NoSecret(`no secret exists at ${path}`)
  if (question.kind === 'certificate') return certificate(secret)
  return { value: secretStruct(secret), expiresAt: 0, leaseId: secret.leaseId, leaseSeconds: secret.leaseDuration, renewable: secret.renewable }
}

function listed(secret: Secret<{ keys: string[] }> | null): Answer {
  return { value: [...(secret?.data.keys ?? [])].toSorted(), leaseId: '', leaseSeconds: 0, renewable: false, expiresAt: 0 }
}

/** `Cert`, `CA`, `Key` in PEM, and what stood in the answer besides. */
function certificate({ data }: Secret): Answer {
  const text = (key: string): string => (typeof data[key] === 'string' ? data[key] : '')
  const chain = Array.isArray(data['ca_chain']) ? data['ca_chain'].map(String) : []
  const value = new Struct('dependency.PemEncoded', { Cert: lineEnded(text('certificate')), CA: lineEnded(text('issuing_ca')), CAChain: chain.map(lineEnded), Key: lineEnded(text('private_key')) })
  return { value, leaseId: '', leaseSeconds: 0, renewable: false, expiresAt: Number(data['expiration'] ?? 0) * 1000 }
}

const lineEnded = (pem: string): string => (pem === '' || pem.endsWith('\n') ? pem : `${pem}\n`)

/** Whoever names a secret of a KV version 2 mount may leave out `data/` (`metadata/` for lists). */
async function logicalPath(client: Client, { kind, path }: Question, mounts: Mounts): Promise<string> {
  if (kind !== 'read' && kind !== 'list') return path
  const mount = await mounts.resolve(client, path)
  if (mount === null || mount.version !== '2') return path
  const inner = path.slice(mount.path.length)
  const part = kind === 'read' ? 'data' : 'metadata'
  return inner === part || inner.startsWith(`${part}/`) ? path : `${mount.path}${part}/${inner}`
}

interface MountFacts {
  /** With a slash at the end. */
  readonly path: string
  readonly version: string
}

/** What was learnt of mounts while many secrets were fetched. No mount is inside of another. */
export class Mounts {
  readonly #known = new Map<string, MountFacts>()

  /** Null where the token may not ask: the path is then taken as it is. */
  async resolve(client: Client, path: string): Promise<MountFacts | null> {
    for (const mount of this.#known.values()) if (path.startsWith(mount.path)) return mount
    const mount = await mountOf(client, path)
    if (mount !== null && path.startsWith(mount.path)) this.#known.set(mount.path, mount)
    return mount
  }
}

async function mountOf(client: Client, path: string): Promise<MountFacts | null> {
  const { status, text } = await client.request('GET', `sys/internal/ui/mounts/${path}`)
  if (status !== 200) return null
  const { data } = parseEnvelope<{ readonly path?: string; readonly options?: { readonly version?: string } | null } | null>(text, false)
  return data?.path === undefined ? null : { path: data.path, version: data.options?.version ?? '' }
}

function secretStruct({ requestId, leaseId, leaseDuration, renewable, data, warnings, auth, wrapInfo }: Secret): Struct {
  return new Struct('*dependency.Secret', {
    RequestID: requestId,
    LeaseID: leaseId,
    LeaseDuration: BigInt(leaseDuration),
    Renewable: renewable,
    Data: data === null ? null : fromJson(data as unknown as ExactJson, asText),
    Warnings: warnings,
    Auth: auth === null ? null : new Struct('*dependency.SecretAuth', {
      ClientToken: auth.clientToken,
      Accessor: auth.accessor,
      Policies: auth.policies,
      Metadata: new Map(Object.entries(auth.metadata)),
      LeaseDuration: BigInt(auth.leaseDuration),
      Renewable: auth.renewable,
    }),
    WrapInfo: wrapInfo === null ? null : new Struct('*dependency.SecretWrapInfo', { Token: wrapInfo.token, TTL: BigInt(wrapInfo.ttl), WrappedAccessor: wrapInfo.wrappedAccessor }),
  })
}
