/** The engine alone, for its tests. */
import assert from 'node:assert/strict'
import type { Json, JsonObject } from '../../kit/json.ts'
import type { Store } from '../../kit/store.ts'
import { harness, type Answer, type Harness, type HarnessOptions } from '../testing/harness.ts'
import { transit } from './index.ts'

export interface TransitHarness {
  readonly run: Harness
  readonly store: Store
  /** Data of a write that succeeds. */
  readonly write: (path: string, body?: JsonObject) => Promise<JsonObject>
  readonly read: (path: string) => Promise<JsonObject>
  /** The one error of a write that is a bad request. */
  readonly refused: (path: string, body?: JsonObject) => Promise<string>
  readonly send: (method: string, path: string, body?: Json) => Promise<Answer>
}

export function transitHarness(store: Store, begin: HarnessOptions['begin']): TransitHarness {
  const run = harness({ engine: transit, store, begin, seed: 'transit' })
  const succeeded = (path: string, answer: Answer): JsonObject => {
    assert.equal(answer.errors, null, `${path}: ${String(answer.errors)}`)
    assert.ok(answer.status < 300, `${path}: ${answer.status} ${answer.text}`)
    return answer.data ?? {}
  }
  return {
    run,
    store,
    send: run.send,
    write: async (path, body) => succeeded(path, await run.send('POST', path, body)),
    read: async (path) => succeeded(path, await run.send('GET', path)),
    async refused(path, body) {
      const { status, errors } = await run.send('POST', path, body)
      assert.equal(status, 400, `${path}: ${status}`)
      return errors?.[0] ?? ''
    },
  }
}

export const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString('base64')

/** Types of keys that are quickly made, and with what. */
export const quickTypes: Readonly<Record<string, JsonObject>> = {
  'aes128-gcm96': {}, 'aes256-gcm96': {}, 'chacha20-poly1305': {}, 'xchacha20-poly1305': {}, ed25519: {}, 'ecdsa-p256': {}, 'ecdsa-p384': {}, 'ecdsa-p521': {},
  'rsa-2048': {}, hmac: { key_size: 32 },
}
