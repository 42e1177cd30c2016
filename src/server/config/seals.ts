/** Which seals a configuration names, complete with what stands in the environment. */
import { ConfigError } from './entries.ts'
import type { ValuesOf } from './read-table.ts'
import type { sealLabels } from './seal-keys.ts'
import type { serverKeys } from './keys.ts'

type Labels = typeof sealLabels
type Values<L extends keyof Labels> = ValuesOf<Labels[L]['keys']>
type Complete<V, Optional extends keyof V = never> = { readonly [K in Exclude<keyof V, 'disabled' | 'priority' | Optional>]: NonNullable<V[K]> } & { readonly [K in Optional]: V[K] }

export type TransitConfig = Complete<Values<'transit'>, 'namespace' | 'tls_ca_cert' | 'tls_client_cert' | 'tls_client_key' | 'tls_server_name'> & { readonly type: 'transit' }
export type AwsKmsConfig = Complete<Values<'awskms'>, 'session_token' | 'endpoint'> & { readonly type: 'awskms' }
export type AzureConfig = Complete<Values<'azurekeyvault'>, 'endpoint'> & { readonly type: 'azurekeyvault' }
export type GcpConfig = Complete<Values<'gcpckms'>> & { readonly type: 'gcpckms' }
type Pkcs11Optional = 'slot' | 'token_label' | 'key_label' | 'key_id' | 'hmac_key_label' | 'hmac_key_id' | 'mechanism' | 'hmac_mechanism' | 'rsa_oaep_hash' | 'generate_key'
export type Pkcs11Config = Complete<Values<'pkcs11'>, Pkcs11Optional> & { readonly type: 'pkcs11' }
export interface KeyFileConfig {
  readonly type: 'keyfile'
  readonly name: string
  readonly file: string
}
export type AutomaticSealConfig = KeyFileConfig | TransitConfig | AwsKmsConfig | AzureConfig | GcpConfig | Pkcs11Config
export type SealConfig = { readonly type: 'shamir' } | KeyFileConfig | { readonly type: 'several'; readonly seals: readonly AutomaticSealConfig[] }

export type ConfigEnvironment = Readonly<Record<string, string | undefined>>
type Block = ValuesOf<typeof serverKeys.keys>['seal'][number]

/** Variables by key; those of a Coffer of that name win over those of a Vault. */
const variables: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  transit: {
    address: 'VAULT_ADDR', token: 'VAULT_TOKEN', key_name: 'VAULT_TRANSIT_SEAL_KEY_NAME', mount_path: 'VAULT_TRANSIT_SEAL_MOUNT_PATH', namespace: 'VAULT_NAMESPACE',
    tls_ca_cert: 'VAULT_CACERT', tls_client_cert: 'VAULT_CLIENT_CERT', tls_client_key: 'VAULT_CLIENT_KEY', tls_server_name: 'VAULT_TLS_SERVER_NAME',
  },
  awskms: {
    region: 'AWS_REGION', kms_key_id: 'VAULT_AWSKMS_SEAL_KEY_ID', access_key: 'AWS_ACCESS_KEY_ID', secret_key: 'AWS_SECRET_ACCESS_KEY',
    session_token: 'AWS_SESSION_TOKEN', endpoint: 'AWS_KMS_ENDPOINT',
  },
  azurekeyvault: {
    tenant_id: 'AZURE_TENANT_ID', client_id: 'AZURE_CLIENT_ID', client_secret: 'AZURE_CLIENT_SECRET', vault_name: 'VAULT_AZUREKEYVAULT_VAULT_NAME',
    key_name: 'VAULT_AZUREKEYVAULT_KEY_NAME',
  },
  gcpckms: {
    credentials: 'GOOGLE_APPLICATION_CREDENTIALS', project: 'GOOGLE_PROJECT', region: 'GOOGLE_REGION', key_ring: 'VAULT_GCPCKMS_SEAL_KEY_RING',
    crypto_key: 'VAULT_GCPCKMS_SEAL_CRYPTO_KEY',
  },
  pkcs11: Object.fromEntries([
    'lib', 'slot', 'token_label', 'pin', 'key_label', 'key_id', 'hmac_key_label', 'hmac_key_id', 'mechanism', 'hmac_mechanism', 'rsa_oaep_hash', 'generate_key',
  ].map((key) => [key, `VAULT_HSM_${key.toUpperCase()}`])),
}
/** What need not be there, besides what has a value anyway. */
const optionalKeys: ReadonlySet<string> = new Set(['namespace', 'tls_ca_cert', 'tls_client_cert', 'tls_client_key', 'tls_server_name', 'session_token', 'endpoint',
  'slot', 'token_label', 'key_label', 'key_id', 'hmac_key_label', 'hmac_key_id', 'mechanism', 'hmac_mechanism', 'rsa_oaep_hash', 'generate_key'])
const standards: Readonly<Record<string, string>> = { 'transit.mount_path': 'transit/', 'awskms.region': 'us-east-1' }

/** A later file replaces what an earlier one said. Throws `ConfigError`. */
export function sealOf(blocks: readonly Block[], environment: ConfigEnvironment): SealConfig {
  const last = blocks.findLast(({ values }) => !values.disabled)
  const named = blocks.filter(({ file, values }) => file === last?.file && !values.disabled)
  if (last === undefined) return { type: 'shamir' }
  if (named.some(({ label }) => label === 'shamir')) {
    if (named.length > 1) throw new ConfigError(`${last.place}: seal: "shamir" stands alone: where a server unseals itself, people hold recovery keys`)
    return { type: 'shamir' }
  }
  const priorityOf = ({ values }: Block): number => ('priority' in values ? values.priority : 0)
  const seals = named.toSorted((a, b) => priorityOf(a) - priorityOf(b)).map((block) => completed(block, environment))
  const twice = seals.find(({ name }, i) => seals.findIndex((other) => other.name === name) !== i)
  if (twice !== undefined) throw new ConfigError(`${last.place}: seal: two seals have the name "${twice.name}"; give each one a name of its own`)
  const [only] = seals
  return seals.length === 1 && only?.type === 'keyfile' ? only : { type: 'several', seals }
}

function completed(block: Block, environment: ConfigEnvironment): AutomaticSealConfig {
  const { label, place } = block
  const values: Readonly<Record<string, unknown>> = block.values
  const name = String(values['name'] || label)
  if (label === 'keyfile') {
    if (!values['path']) throw new ConfigError(`${place}: seal "keyfile": path is missing`)
    return { type: 'keyfile', name, file: String(values['path']) }
  }
  const { disabled: _disabled, priority: _priority, ...rest } = values
  const full = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, value ?? variableFor(label, key, environment) ?? standards[`${label}.${key}`] ?? null]))
  const missing = Object.keys(full).find((key) => (full[key] === null || full[key] === '') && key !== 'name' && !optionalKeys.has(key))
  if (missing !== undefined) throw new ConfigError(`${place}: seal "${label}": ${missing} is missing`)
  return { ...full, name, type: label } as unknown as AutomaticSealConfig
}

function variableFor(label: string, key: string, environment: ConfigEnvironment): string | undefined {
  const variable = variables[label]?.[key]
  if (variable === undefined) return undefined
  const names = variable.startsWith('VAULT_') ? [variable.replace('VAULT', 'COFFER'), variable.replace('VAULT', 'BAO'), variable] : [variable]
  return names.map((candidate) => environment[candidate]).find((value) => value !== undefined && value !== '')
}
