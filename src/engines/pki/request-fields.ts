/** The fields with which certificates are asked for. */
import { defaulted, duration, flag, integer, list, optional, text } from '../../kit/fields.ts'

export const formatFields = {
  format: defaulted(text('Form of the answer: pem, der (base64), or pem_bundle (key, certificate and chain in one).'), 'pem'),
  private_key_format: defaulted(text('Form of the private key: der for the traditional form of its type, pkcs8 for PKCS #8.'), 'der'),
} as const

/** What may be said of a certificate's holder, whoever signs it. */
export const nameFields = {
  common_name: defaulted(text('CN of the subject.'), ''),
  alt_names: defaulted(text('Further DNS names and e-mail addresses, with commas between them.'), ''),
  ip_sans: defaulted(list('IP addresses.'), []),
  uri_sans: defaulted(list('URIs.'), []),
  other_sans: defaulted(list('Other names: OID;UTF8:TEXT.'), []),
  serial_number: defaulted(text('Serial number of the subject (not of the certificate).'), ''),
  exclude_cn_from_sans: defaulted(flag('Leave the common name out of the alternative names.'), false),
} as const

export const validityFields = {
  ttl: defaulted(duration('How long it is valid.'), 0),
  not_before: defaulted(text('From when it is valid: a date such as 2030-01-02T03:04:05Z.'), ''),
  not_after: defaulted(text('Until when it is valid: a date.'), ''),
} as const

/** Of certificates that a role decides about. */
export const leafFields = {
  ...nameFields,
  ...validityFields,
  ...formatFields,
  user_ids: defaulted(list('User ids of the subject.'), []),
  remove_roots_from_chain: defaulted(flag('Leave self-signed certificates out of ca_chain.'), false),
  cert_metadata: optional(text('Anything to be kept with the certificate, in base64.')),
} as const

export const csrField = { csr: defaulted(text('The certificate signing request, in PEM.'), '') } as const

export const keyFields = {
  key_type: optional(text('rsa, ec or ed25519.')),
  key_bits: optional(integer('Length of the key; 0: the usual one of the type.')),
} as const

/** Of certificates that are a CA. */
export const subjectFields = {
  organization: defaulted(list('O of the subject.'), []),
  ou: defaulted(list('OU of the subject.'), []),
  country: defaulted(list('C of the subject.'), []),
  locality: defaulted(list('L of the subject.'), []),
  province: defaulted(list('ST of the subject.'), []),
  street_address: defaulted(list('Street of the subject.'), []),
  postal_code: defaulted(list('Postal code of the subject.'), []),
} as const

export const signatureFields = {
  signature_bits: defaulted(integer('Length of the hash in RSA signatures: 256, 384, 512; 0: the usual one.'), 0),
  use_pss: defaulted(flag('Sign with PSS where the key is RSA.'), false),
} as const

/** What a CA certificate says of those below it. */
export const caFields = {
  max_path_length: defaulted(integer('How many CAs may stand between it and a leaf; -1: any number.'), -1),
  permitted_dns_domains: defaulted(list('DNS domains that certificates below it may name.'), []),
  excluded_dns_domains: defaulted(list('DNS domains that they may not name.'), []),
  permitted_ip_ranges: defaulted(list('IP ranges (CIDR) that they may name.'), []),
  excluded_ip_ranges: defaulted(list('IP ranges that they may not name.'), []),
  permitted_email_addresses: defaulted(list('E-mail addresses or domains that they may name.'), []),
  excluded_email_addresses: defaulted(list('E-mail addresses or domains that they may not name.'), []),
  permitted_uri_domains: defaulted(list('Domains of URIs that they may name.'), []),
  excluded_uri_domains: defaulted(list('Domains of URIs that they may not name.'), []),
} as const

/** For keys that are made or chosen. */
export const newKeyFields = {
  key_type: defaulted(text('rsa, ec or ed25519.'), 'rsa'),
  key_bits: defaulted(integer('Length of the key; 0: the usual one of the type.'), 0),
  key_name: defaulted(text('Name for the key.'), ''),
  key_ref: defaulted(text('With existing: name or id of the key.'), 'default'),
  managed_key_name: defaulted(text('With kms: name of the managed key.'), ''),
  managed_key_id: defaulted(text('With kms: id of the managed key.'), ''),
} as const

export const purposeFields = {
  key_usage: defaulted(list('What the key is for.'), ['DigitalSignature', 'KeyAgreement', 'KeyEncipherment']),
  ext_key_usage: defaulted(list('Extended purposes, by name.'), []),
  ext_key_usage_oids: defaulted(list('Extended purposes, by object identifier.'), []),
} as const

export const pageFields = {
  after: optional(text('Only names that sort after this one.')),
  limit: optional(integer('At most so many names.')),
} as const

