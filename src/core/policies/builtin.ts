/** The policies that every server has, and the names that are not free. */

/** Nobody writes or deletes these. `root` allows everything and has no text; the others belong to tokens that the core makes. */
export const immutablePolicies: ReadonlySet<string> = new Set(['root', 'response-wrapping', 'control-group'])

/** No token, role or entity can be given these. */
export const unassignablePolicies: ReadonlySet<string> = new Set(['response-wrapping', 'control-group'])

/** What a wrapping token may do: fetch what it wraps, once. */
export const responseWrappingPolicy = `path "cubbyhole/response" {
  capabilities = ["create", "read"]
}

path "sys/wrapping/unwrap" {
  capabilities = ["update"]
}
`

/** What `default` says until somebody changes it: a token may see to itself, and nothing else. The same grants as Vault's. */
export const defaultPolicy = `# The policy that tokens have unless they are made without it. It may be changed.

# The token itself: read it, keep it alive, end it.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "auth/token/revoke-self" {
  capabilities = ["update"]
}

# What the token may do on a path, and everything it may do (asked for by consoles).
path "sys/capabilities-self" {
  capabilities = ["update"]
}
path "sys/internal/ui/resultant-acl" {
  capabilities = ["read"]
}

# The entity behind the token.
path "identity/entity/id/{{identity.entity.id}}" {
  capabilities = ["read"]
}
path "identity/entity/name/{{identity.entity.name}}" {
  capabilities = ["read"]
}

# Leases, by an id that one must know.
path "sys/leases/lookup" {
  capabilities = ["update"]
}
path "sys/leases/renew" {
  capabilities = ["update"]
}

# A place for things that end with the token.
path "cubbyhole/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}

# Wrapping: hand something over by a token that works once.
path "sys/wrapping/wrap" {
  capabilities = ["update"]
}
path "sys/wrapping/lookup" {
  capabilities = ["update"]
}
path "sys/wrapping/unwrap" {
  capabilities = ["update"]
}

# Hashes of data that the caller sends.
path "sys/tools/hash" {
  capabilities = ["update"]
}
path "sys/tools/hash/*" {
  capabilities = ["update"]
}

# Logging in to other applications that trust this server.
path "identity/oidc/provider/+/authorize" {
  capabilities = ["read", "update"]
}
`
