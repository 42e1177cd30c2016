/** Certificates of roles with `generate_lease`: the end of the lease revokes them. */
import { parseCertificate } from '../../crypto/x509/certificate.ts'
import type { LeaseKind } from '../../kit/engine.ts'
import { findCertificate } from './certificates.ts'
import { revokeCertificate } from './revoke.ts'

export const leaseKind: LeaseKind = {
  async revoke({ store, now, internal }) {
    const serial = internal['serial_number']
    const der = typeof serial === 'string' ? await findCertificate(store, serial) : null
    // What has ended or was tidied away needs no revocation.
    if (der === null) return
    const certificate = parseCertificate(der)
    if (certificate.notAfter > now) await revokeCertificate({ store, now }, certificate)
  },
}
