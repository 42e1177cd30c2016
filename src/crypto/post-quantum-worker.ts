/** The thread in which post-quantum algorithms are computed: JavaScript that takes from milliseconds to many seconds. One request at a time. */
import { parentPort } from 'node:worker_threads'
import { ml_kem1024_p384, ml_kem768_x25519 } from '@noble/post-quantum/hybrid.js'
import { ml_dsa44, ml_dsa65, ml_dsa87 } from '@noble/post-quantum/ml-dsa.js'
import {
  slh_dsa_sha2_128f, slh_dsa_sha2_128s, slh_dsa_sha2_192f, slh_dsa_sha2_192s, slh_dsa_sha2_256f, slh_dsa_sha2_256s,
  slh_dsa_shake_128f, slh_dsa_shake_128s, slh_dsa_shake_192f, slh_dsa_shake_192s, slh_dsa_shake_256f, slh_dsa_shake_256s,
} from '@noble/post-quantum/slh-dsa.js'
import type { PostQuantumRequest } from './post-quantum.ts'

const signers = {
  'ml-dsa-44': ml_dsa44, 'ml-dsa-65': ml_dsa65, 'ml-dsa-87': ml_dsa87,
  'slh-dsa-sha2-128s': slh_dsa_sha2_128s, 'slh-dsa-sha2-128f': slh_dsa_sha2_128f, 'slh-dsa-sha2-192s': slh_dsa_sha2_192s, 'slh-dsa-sha2-192f': slh_dsa_sha2_192f,
  'slh-dsa-sha2-256s': slh_dsa_sha2_256s, 'slh-dsa-sha2-256f': slh_dsa_sha2_256f, 'slh-dsa-shake-128s': slh_dsa_shake_128s, 'slh-dsa-shake-128f': slh_dsa_shake_128f,
  'slh-dsa-shake-192s': slh_dsa_shake_192s, 'slh-dsa-shake-192f': slh_dsa_shake_192f, 'slh-dsa-shake-256s': slh_dsa_shake_256s, 'slh-dsa-shake-256f': slh_dsa_shake_256f,
}
const kems = { 'ml-kem-768-x25519': ml_kem768_x25519, 'ml-kem-1024-p384': ml_kem1024_p384 }

function answer(request: PostQuantumRequest): unknown {
  switch (request.action) {
    case 'generate': return ({ ...signers, ...kems })[request.scheme].keygen()
    case 'sign': return signers[request.scheme].sign(request.input, request.secret)
    case 'verify': return isSigned(request)
    case 'encapsulate': return kems[request.scheme].encapsulate(request.publicKey)
    case 'decapsulate': return kems[request.scheme].decapsulate(request.ciphertext, request.secret)
  }
}

function isSigned({ scheme, signature, input, publicKey }: PostQuantumRequest & { readonly action: 'verify' }): boolean {
  const signer = signers[scheme]
  return signature.length === signer.lengths.signature && signer.verify(signature, input, publicKey)
}

parentPort?.on('message', (request: PostQuantumRequest) => {
  try {
    parentPort?.postMessage({ value: answer(request) })
  } catch {
    parentPort?.postMessage({ failed: true })
  }
})
