/** Batch tokens: nothing is stored; the token is its own record, sealed under a sub-key of the barrier. */
import { openAead, sealAead } from '../../crypto/aead.ts'
import { encodeJson, parseJson, type Json } from '../../kit/json.ts'
import type { Base } from '../base.ts'
import { batchPrefix } from './ids.ts'
import type { TokenRecord } from './record.ts'

const purpose = Buffer.from('batch-token')

export function sealBatchToken(base: Base, record: TokenRecord): string {
  const text = encodeJson(record as unknown as Json)
  return batchPrefix + Buffer.from(sealAead(base.barrier.subkey('batch-token'), Buffer.from(text), purpose)).toString('base64url')
}

/** Null for anything that this server did not seal. */
export function openBatchToken(base: Base, token: string): TokenRecord | null {
  const sealed = Buffer.from(token.slice(batchPrefix.length), 'base64url')
  const opened = openAead(base.barrier.subkey('batch-token'), sealed, purpose)
  return opened === null ? null : (parseJson(Buffer.from(opened).toString('utf8')) as unknown as TokenRecord)
}
