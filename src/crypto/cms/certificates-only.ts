/** Signed data without signers (RFC 5652 §5, RFC 2315): the usual envelope for handing over certificates. */
import { explicit, integer, oid, sequence, setOf, tagged } from '../der.ts'

const signedDataType = oid('1.2.840.113549.1.7.2')
const dataType = oid('1.2.840.113549.1.7.1')
const version1 = integer(1)

/** `certificates` and `lists` are DER. They keep their order: clients take the first one for theirs. */
export function writeCertificatesOnly(certificates: readonly Uint8Array[], lists: readonly Uint8Array[] = []): Buffer {
  const parts = [
    version1, setOf(), sequence(dataType),
    ...(certificates.length === 0 ? [] : [tagged(0xa0, ...certificates)]),
    ...(lists.length === 0 ? [] : [tagged(0xa1, ...lists)]),
    setOf(),
  ]
  return sequence(signedDataType, explicit(0, sequence(...parts)))
}
