/** An engine with a root and a role, and short ways to what tests ask of it. */
import assert from 'node:assert/strict'
import { pemDecode, pemEncode } from '../../../crypto/pem.ts'
import { parseCertificate, type Certificate } from '../../../crypto/x509/certificate.ts'
import { findAlgorithm } from '../../../crypto/x509/algorithms.ts'
import { alternativeNames } from '../../../crypto/x509/extensions.ts'
import { noNames, type AlternativeNames } from '../../../crypto/x509/general-names.ts'
import { generateKey, privateKeyOf, type KeyType } from '../../../crypto/x509/keys.ts'
import { attributeTypes, writeName } from '../../../crypto/x509/name.ts'
import { writeRequest } from '../../../crypto/x509/request.ts'
import type { Json, JsonObject } from '../../../kit/json.ts'
import type { Store } from '../../../kit/store.ts'
import { harness, type Answer, type Harness, type HarnessOptions } from '../../testing/harness.ts'
import { pki } from '../index.ts'

export interface Authority {
  readonly run: Harness
  /** Sends, and demands success; the data. */
  readonly ok: (method: string, path: string, body?: Json) => Promise<JsonObject>
  /** Sends, and demands a refusal of this status; its text. */
  readonly refused: (method: string, path: string, body?: Json, status?: number) => Promise<string>
}

export function authority(store: Store, begin: HarnessOptions['begin'], caller?: HarnessOptions['caller']): Authority {
  const run = harness({ engine: pki, store, begin, ...(caller === undefined ? {} : { caller }) })
  const shown = (answer: Answer): string => JSON.stringify([answer.status, answer.errors])
  return {
    run,
    async ok(method, path, body) {
      const answer = await run.send(method, path, body)
      assert.ok(answer.status < 300, `${method} ${path}: ${shown(answer)}`)
      return answer.data ?? {}
    },
    async refused(method, path, body, status = 400) {
      const answer = await run.send(method, path, body)
      assert.equal(answer.status, status, `${method} ${path}: ${shown(answer)}`)
      return answer.errors?.[0] ?? ''
    },
  }
}

/** With a root called `Root` whose key is on P-256, and the role `any` that allows everything for keys of the same kind. */
export async function withRoot(store: Store, begin: HarnessOptions['begin'], caller?: HarnessOptions['caller']): Promise<Authority & { readonly root: JsonObject }> {
  const made = authority(store, begin, caller)
  await made.run.setUp()
  const root = await made.ok('POST', 'root/generate/internal', { common_name: 'Root', key_type: 'ec', issuer_name: 'root' })
  await made.ok('POST', 'roles/any', { allow_any_name: true, key_type: 'ec', ttl: '1h', enforce_hostnames: false, require_cn: false })
  return { ...made, root }
}

export const textOf = (data: JsonObject, name: string): string => {
  const value = data[name]
  assert.equal(typeof value, 'string', `${name} is no text`)
  return value as string
}

export const derOf = (pem: string): Buffer => {
  const [block] = pemDecode(pem)
  assert.ok(block)
  return block.der
}

export const certificateOf = (data: JsonObject): Certificate => parseCertificate(derOf(textOf(data, 'certificate')))

/** A signing request in PEM. */
export async function requestFor(commonName: string, names: Partial<AlternativeNames> = {}, type: KeyType = 'ec', bits = 256): Promise<string> {
  const { privateDer, spki } = await generateKey(type, bits)
  const algorithm = findAlgorithm(type === 'rsa' ? 'SHA256WithRSA' : type === 'ec' ? 'ECDSAWithSHA256' : 'Ed25519')
  assert.ok(algorithm)
  const subject = writeName(commonName === '' ? [] : [[{ type: attributeTypes.commonName, value: commonName }]])
  const extensions = Object.keys(names).length === 0 ? [] : [alternativeNames({ ...noNames, ...names }, false)]
  return pemEncode('CERTIFICATE REQUEST', await writeRequest(subject, spki, extensions, { algorithm, key: privateKeyOf(type, privateDer) }))
}
