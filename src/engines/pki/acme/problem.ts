/** Refusals of the ACME server: problem documents (RFC 7807, RFC 8555 §6.7). */

const statuses = {
  accountDoesNotExist: 400, alreadyRevoked: 400, badCSR: 400, badNonce: 400, badPublicKey: 400, badRevocationReason: 400, badSignatureAlgorithm: 400, caa: 403, connection: 400,
  dns: 400, externalAccountRequired: 400, incorrectResponse: 400, invalidContact: 400, malformed: 400, orderNotReady: 403, rejectedIdentifier: 400, serverInternal: 500, tls: 400,
  unauthorized: 403, unsupportedIdentifier: 400, alreadyReplaced: 409,
} as const
export type ProblemType = keyof typeof statuses

/** Thrown by what serves ACME requests; becomes the answer. `detail` goes to the client: never a secret in it. */
export class AcmeProblem extends Error {
  override readonly name = 'AcmeProblem'
  readonly type: ProblemType
  readonly status: number
  constructor(type: ProblemType, detail: string, status?: number) {
    super(detail)
    this.type = type
    this.status = status ?? statuses[type]
  }
  get document(): { readonly type: string; readonly detail: string } {
    return { type: `urn:ietf:params:acme:error:${this.type}`, detail: this.message }
  }
}

const malformedText = 'the request message was malformed'
/** With the words that clients of Vault know. */
export const malformed = (reason: string): AcmeProblem => new AcmeProblem('malformed', `${reason}: ${malformedText}`)
export const malformedDirectory = (reason: string): AcmeProblem => new AcmeProblem('malformed', `${malformedText}: ${reason}`)
