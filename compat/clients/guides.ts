/** What the guides share: their policies and secrets, and the steps that every client runs through. */

/** Guide "Static secrets": what its operator needs. */
export const operatorPolicy = `
path "secret/*" { capabilities = ["create", "read", "update", "patch", "delete", "list"] }
path "sys/policy/*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "sys/policies/acl/*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "auth/token/create" { capabilities = ["create", "update", "sudo"] }
path "sys/mounts" { capabilities = ["read"] }
path "sys/mounts/*" { capabilities = ["create", "read", "update", "delete"] }
`

/** Guide "Static secrets": what the application may read. */
export const appsPolicy = `
# Reads one key, and certificates of production.
path "secret/data/eng/apikey/Google" { capabilities = ["read"] }
path "secret/data/prod/cert/mysql" { capabilities = ["read"] }
`

/** Guide "Response wrapping", over a KV version 1 mount. */
export const devPolicy = `
path "kv1/dev" { capabilities = ["read"] }
`

export const apiKey = 'AAaaBBccDDeeOTXzSMT1234BB_Z8JzG7JkSVxI'

/** Guide "Versioned secrets": the versions 1 to 6 of a customer's record. */
export const customers: readonly Readonly<Record<string, string>>[] = [
  { name: 'ACME Inc.', contact_email: 'jsmith@acme.com' },
  { name: 'ACME Inc.', contact_email: 'john.smith@acme.com' },
  { name: 'ACME Inc.', contact_email: 'admin@acme.com' },
  { name: 'ACME Inc.', contact_email: 'sales@acme.com' },
  { name: 'ACME Inc.', contact_email: 'info@acme.com' },
  { name: 'ACME Inc.', contact_email: 'hello@acme.com' },
]
