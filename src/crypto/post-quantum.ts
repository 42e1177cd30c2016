/**
 * Post-quantum algorithms, by @noble/post-quantum in threads of their own: signatures by ML-DSA (FIPS 204) and SLH-DSA (FIPS 205), and key encapsulation by
 * ML-KEM (FIPS 203) together with an elliptic curve, so that both must fall: X-Wing (draft-connolly-cfrg-xwing-kem), and ML-KEM-1024 with P-384.
 */
import { existsSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { badRequest, internal } from '../kit/errors.ts'
import { lane } from './lane.ts'

type SlhDsa = `slh-dsa-${'sha2' | 'shake'}-${128 | 192 | 256}${'s' | 'f'}`
export type SignatureScheme = `ml-dsa-${44 | 65 | 87}` | SlhDsa
export type KemScheme = 'ml-kem-768-x25519' | 'ml-kem-1024-p384'

/** What the thread is asked for. */
export type PostQuantumRequest =
  | { readonly action: 'generate'; readonly scheme: SignatureScheme | KemScheme }
  | { readonly action: 'sign'; readonly scheme: SignatureScheme; readonly secret: Uint8Array; readonly input: Uint8Array }
  | { readonly action: 'verify'; readonly scheme: SignatureScheme; readonly publicKey: Uint8Array; readonly input: Uint8Array; readonly signature: Uint8Array }
  | { readonly action: 'encapsulate'; readonly scheme: KemScheme; readonly publicKey: Uint8Array }
  | { readonly action: 'decapsulate'; readonly scheme: KemScheme; readonly secret: Uint8Array; readonly ciphertext: Uint8Array }

type Answer = { readonly value: unknown } | { readonly failed: true }

const threadsMax = 2
const inThread = lane({ running: threadsMax, waiting: 100, refusal: 'too many post-quantum operations are being computed; try again' })
const idle: Worker[] = []

/** Beside this module, or, where the server is one file, in the folder that it was made of. */
function startThread(): Worker {
  const beside = new URL('./post-quantum-worker.js', import.meta.url)
  const thread = new Worker(existsSync(beside) ? beside : new URL('./src/crypto/post-quantum-worker.js', import.meta.url))
  // An idle thread keeps no process from ending.
  thread.unref()
  return thread
}

/** What the thread makes of it; null when the numbers given are none of the algorithm. Throws `overloaded` when too many wait. */
async function ask(request: PostQuantumRequest): Promise<unknown> {
  return await inThread(async () => {
    const thread = idle.pop() ?? startThread()
    const answer = await answerOf(thread, request)
    idle.push(thread)
    return 'failed' in answer ? null : answer.value
  })
}

/** A thread that ends or fails is not used again. */
function answerOf(thread: Worker, request: PostQuantumRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(internal('a thread for post-quantum algorithms has ended'))
    thread.ref()
    thread.once('error', fail).once('exit', fail).once('message', (answer: Answer) => {
      thread.off('error', fail).off('exit', fail).unref()
      resolve(answer)
    })
    thread.postMessage(request)
  })
}

export interface PostQuantumPair {
  readonly secretKey: Uint8Array
  readonly publicKey: Uint8Array
}

/** A key that nothing can be computed with came in by a restore. */
const required = <T>(value: unknown): T => {
  if (value === null) throw badRequest('the version of this key is malformed')
  return value as T
}

export const generatePair = async (scheme: SignatureScheme | KemScheme): Promise<PostQuantumPair> => required(await ask({ action: 'generate', scheme }))

export const signPostQuantum = async (scheme: SignatureScheme, secret: Uint8Array, input: Uint8Array): Promise<Buffer> =>
  Buffer.from(required<Uint8Array>(await ask({ action: 'sign', scheme, secret, input })))

export const verifyPostQuantum = async (scheme: SignatureScheme, publicKey: Uint8Array, input: Uint8Array, signature: Uint8Array): Promise<boolean> =>
  (await ask({ action: 'verify', scheme, publicKey, input, signature })) === true

/** A shared secret of 32 bytes and what the owner of the key finds it with. */
export async function encapsulate(scheme: KemScheme, publicKey: Uint8Array): Promise<{ readonly secret: Uint8Array; readonly ciphertext: Uint8Array }> {
  const { sharedSecret, cipherText } = required<{ sharedSecret: Uint8Array; cipherText: Uint8Array }>(await ask({ action: 'encapsulate', scheme, publicKey }))
  return { secret: sharedSecret, ciphertext: cipherText }
}

/** Null for a ciphertext that is none. One that was changed gives another secret. */
export const decapsulate = async (scheme: KemScheme, secret: Uint8Array, ciphertext: Uint8Array): Promise<Uint8Array | null> =>
  (await ask({ action: 'decapsulate', scheme, secret, ciphertext })) as Uint8Array | null
