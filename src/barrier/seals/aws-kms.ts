/** The root key under a key of AWS KMS: its actions Encrypt and Decrypt (AWS Key Management Service API Reference). */
import { signAws, type AwsCredentials } from '../../crypto/sigv4.ts'
import { refusedBy, remoteSender, textIn, type RemoteAnswer } from './remote.ts'
import type { Seal } from './seal.ts'

export interface AwsKmsSeal {
  readonly region: string
  /** Id, alias or ARN. */
  readonly keyId: string
  readonly credentials: AwsCredentials
  /** '' for the one of the region. */
  readonly endpoint: string
  readonly now: () => number
}

const service = 'AWS KMS'
/** What KMS says of a ciphertext that it cannot open with this key: another seal's, not a failure. */
const foreign: ReadonlySet<string> = new Set(['InvalidCiphertextException', 'IncorrectKeyException'])

export function awsKmsSeal({ region, keyId, credentials, endpoint, now }: AwsKmsSeal): Seal {
  const send = remoteSender(service)
  const url = `${(endpoint || `https://kms.${region}.amazonaws.com`).replace(/\/+$/, '')}/`
  const act = (action: string, fields: object): Promise<RemoteAnswer> => {
    const body = JSON.stringify({ KeyId: keyId, ...fields })
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `TrentService.${action}` }
    return send({ method: 'POST', url, body, headers: signAws({ method: 'POST', url, headers, body }, credentials, region, 'kms', now()) })
  }
  return Object.freeze({
    type: 'awskms',
    isAutomatic: true,
    async wrap(rootKey: Uint8Array) {
      const answer = await act('Encrypt', { Plaintext: Buffer.from(rootKey).toString('base64') })
      if (answer.status !== 200) throw refusedBy(service, answer, 'encrypt')
      return Buffer.from(textIn(service, answer.json, 'CiphertextBlob'), 'base64')
    },
    async unwrap(wrapped: Uint8Array) {
      const answer = await act('Decrypt', { CiphertextBlob: Buffer.from(wrapped).toString('base64') })
      if (answer.status === 400 && foreign.has(String(answer.json?.['__type']).replace(/^.*#/, ''))) return null
      if (answer.status !== 200) throw refusedBy(service, answer, 'decrypt')
      return Buffer.from(textIn(service, answer.json, 'Plaintext'), 'base64')
    },
  })
}
