/** `pki reissue PARENT TEMPLATE CHILD_MOUNT [K=V...]`: an intermediate that says what another one says. */
import type { X509Certificate } from 'node:crypto'
import { defineCommand } from '../../command.ts'
import { parseData } from '../../data-args.ts'
import { step } from '../../describe-failure.ts'
import { readIssuer } from '../../pki/compare.ts'
import { intermediateFlags, issueIntermediate } from '../../pki/issue.ts'

const subjectFields: Readonly<Record<string, string>> = { CN: 'common_name', O: 'organization', OU: 'ou', C: 'country', L: 'locality', ST: 'province', street: 'street_address', postalCode: 'postal_code' }

/** Subject, names, kind of key and length of life of a certificate, as fields of a request. */
function fieldsFrom(certificate: X509Certificate): Record<string, unknown> {
  const fields: Record<string, string> = {}
  for (const [, type = '', value = ''] of certificate.subject.matchAll(/^([A-Za-z]+)=(.*)$/gm)) {
    const name = Object.hasOwn(subjectFields, type) ? subjectFields[type] : undefined
    if (name !== undefined) fields[name] = fields[name] === undefined ? value : `${fields[name]},${value}`
  }
  const names = [...(certificate.subjectAltName ?? '').matchAll(/(DNS|email|IP Address|URI):([^,]+)/g)]
  const ofKind = (...kinds: readonly string[]): string => names.filter(([, kind = '']) => kinds.includes(kind)).map(([, , value]) => value).join(',')
  const { asymmetricKeyType: type = 'rsa', asymmetricKeyDetails: details } = certificate.publicKey
  const curves: Readonly<Record<string, number>> = { secp224r1: 224, prime256v1: 256, secp384r1: 384, secp521r1: 521 }
  const ttl = Math.round((Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / 1000)
  return {
    ...fields, alt_names: ofKind('DNS', 'email'), ip_sans: ofKind('IP Address'), uri_sans: ofKind('URI'), exclude_cn_from_sans: true, ttl: `${ttl}s`,
    key_type: type, key_bits: details?.modulusLength ?? curves[details?.namedCurve ?? ''] ?? 0,
  }
}

export const command = defineCommand({
  name: 'pki reissue',
  summary: 'Make an intermediate that says what another one says',
  arguments: 'PARENT TEMPLATE CHILD_MOUNT [K=V...]',
  description: 'Takes subject, names, kind of key and length of life from TEMPLATE (MOUNT/issuer/NAME), and makes an intermediate in CHILD_MOUNT that PARENT signs. K=V replace single fields.',
  examples: [['Renew an intermediate with a new key:', 'pki reissue pki/issuer/default pki_int/issuer/default pki_int']],
  flags: intermediateFlags,
  output: ['format', 'field'],
  args: { min: 3, max: -1 },
  completes: 'path',
  async run(session) {
    const [parent = '', template = '', childMount = '', ...pairs] = session.args
    const api = await session.api()
    const { certificate } = await step('failed to fetch the template', () => readIssuer(api, template))
    const data = { ...fieldsFrom(certificate), ...(await parseData(pairs, session.readInput)) }
    await issueIntermediate(session, { parent, childMount, keyOrigin: session.flags.type, issuerName: session.flags.issuer_name, data })
  },
})
