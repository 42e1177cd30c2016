/** Makes an intermediate below an issuer: the key and the request in one mount, the signature by another. */
import type { Api } from '../api.ts'
import { step } from '../describe-failure.ts'
import { remoteError } from '../failure.ts'
import { text, withDefault } from '../flags.ts'
import { trimPath } from '../paths.ts'
import type { Session } from '../command.ts'
import { fieldsOf } from './compare.ts'

/** Of the verbs that make an intermediate. */
export const intermediateFlags = {
  type: withDefault(text('Where the key is from: internal (made), existing, kms.'), 'internal'),
  issuer_name: withDefault(text('Name for the new issuer.'), ''),
}

export interface IssueOrder {
  /** `MOUNT/issuer/NAME`. */
  readonly parent: string
  readonly childMount: string
  /** internal, existing, kms. */
  readonly keyOrigin: string
  /** '' for none. */
  readonly issuerName: string
  readonly data: Readonly<Record<string, unknown>>
}

async function written(api: Api, path: string, body: unknown): Promise<Readonly<Record<string, unknown>>> {
  return fieldsOf((await step(`Error writing data to ${path}`, () => api.write(path, body)))?.data)
}

function textIn(data: Readonly<Record<string, unknown>>, name: string): string {
  const value = data[name]
  if (typeof value !== 'string') throw remoteError(`the answer has no ${name}`)
  return value
}

/** Prints the new issuer. */
export async function issueIntermediate(session: Session<unknown>, order: IssueOrder): Promise<void> {
  const api = await session.api()
  const [parent, child] = [trimPath(order.parent), trimPath(order.childMount)]
  const requested = await written(api, `${child}/intermediate/generate/${order.keyOrigin}`, order.data)
  const signed = await written(api, `${parent}/sign-intermediate`, { ...order.data, csr: textIn(requested, 'csr') })
  const chain = Array.isArray(signed['ca_chain']) ? signed['ca_chain'].map(String) : []
  const certificate = textIn(signed, 'certificate')
  const imported = await written(api, `${child}/intermediate/set-signed`, { certificate: [certificate, ...chain.filter((pem) => pem.trim() !== certificate.trim())].join('\n') })
  const id = Object.entries(fieldsOf(imported['mapping'])).find(([, keyId]) => keyId === requested['key_id'])?.[0]
  if (id === undefined) throw remoteError('the new issuer was not found after it was imported')
  const path = `${child}/issuer/${id}`
  if (order.issuerName !== '') await step(`Error naming ${path}`, () => api.patch(path, { issuer_name: order.issuerName }))
  const shown = await step(`Error reading ${path}`, () => api.read(path))
  if (shown === null) throw remoteError(`${path} was not found`)
  await session.print.secret(shown)
}
