/** Refusals as CMP says them (RFC 4210 §5.2.3): a bit for machines, a text for people. */
import { integer, namedBits, sequence, utf8 } from '../../../crypto/der.ts'

const failures = { badAlg: 0, badMessageCheck: 1, badRequest: 2, badTime: 3, badCertId: 4, badDataFormat: 5, badPOP: 9, certRevoked: 10, badCertTemplate: 19, signerNotTrusted: 20, unsupportedVersion: 22, notAuthorized: 23 } as const
export type CmpFailure = keyof typeof failures

/** The text is the client's to see. */
export class CmpRefusal extends Error {
  override readonly name = 'CmpRefusal'
  readonly failure: CmpFailure
  constructor(failure: CmpFailure, message: string) {
    super(message)
    this.failure = failure
  }
}

/** PKIStatusInfo: granted, with an empty rest. */
export const accepted = sequence(integer(0))
const rejection = 2

/** ErrorMsgContent. */
export const writeRefusal = ({ failure, message }: CmpRefusal): Buffer => sequence(sequence(integer(rejection), sequence(utf8(message)), namedBits([failures[failure]])))
