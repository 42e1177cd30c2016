/** From what the configuration says of seals to the seals themselves. */
import { readFileSync } from 'node:fs'
import { awsKmsSeal } from '../barrier/seals/aws-kms.ts'
import { azureKeyVaultSeal } from '../barrier/seals/azure-key-vault.ts'
import { gcpKmsSeal, parseServiceAccount } from '../barrier/seals/gcp-kms.ts'
import { openKeyFileSeal } from '../barrier/seals/key-file.ts'
import { openPkcs11 } from './pkcs11.ts'
import type { RemoteTls } from '../barrier/seals/remote.ts'
import type { Seal } from '../barrier/seals/seal.ts'
import { severalSeals, type SeveralSeals } from '../barrier/seals/several.ts'
import { transitSeal } from '../barrier/seals/transit.ts'
import { ConfigError } from './config/entries.ts'
import type { AutomaticSealConfig, AzureConfig, GcpConfig, SealConfig, TransitConfig } from './config/seals.ts'

/** Null for shares. Asks no service yet. Throws one line when a file cannot be used. */
export async function openSeals(config: SealConfig, now: () => number): Promise<SeveralSeals | null> {
  if (config.type === 'shamir') return null
  const configured = config.type === 'several' ? config.seals : [config]
  return severalSeals(await Promise.all(configured.map(async (one) => ({ name: one.name, seal: await openSeal(one, now) }))))
}

async function openSeal(config: AutomaticSealConfig, now: () => number): Promise<Seal> {
  switch (config.type) {
    case 'keyfile':
      return await openKeyFileSeal(config.file)
    case 'transit':
      return openTransit(config)
    case 'awskms': {
      const { region, kms_key_id: keyId, access_key: accessKey, secret_key: secretKey } = config
      return awsKmsSeal({ region, keyId, credentials: { accessKey, secretKey, sessionToken: config.session_token ?? '' }, endpoint: config.endpoint ?? '', now })
    }
    case 'azurekeyvault':
      return openAzure(config, now)
    case 'gcpckms':
      return openGcp(config, now)
    case 'pkcs11':
      return openPkcs11(config)
  }
}

function readFile(what: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError(`${what}: the file "${file}" cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown'})`)
  }
}

function openTransit(config: TransitConfig): Seal {
  const { address, token, key_name: keyName, mount_path: mountPath, namespace, tls_ca_cert: ca, tls_client_cert: cert, tls_client_key: key } = config
  if ((cert === null) !== (key === null)) throw new ConfigError('seal "transit": tls_client_cert and tls_client_key go together: both or none')
  const tls: RemoteTls = {
    insecure: config.tls_skip_verify,
    ...(ca !== null && { ca: readFile('seal "transit": tls_ca_cert', ca) }),
    ...(cert !== null && { cert: readFile('seal "transit": tls_client_cert', cert) }),
    ...(key !== null && { key: readFile('seal "transit": tls_client_key', key) }),
    ...(config.tls_server_name !== null && { serverName: config.tls_server_name }),
  }
  return transitSeal({ address: checkAddress('transit', address), token, keyName, mountPath, namespace: namespace ?? '', tls, renewsToken: !config.disable_renewal })
}

function checkAddress(label: string, address: string): string {
  if (!/^https?:\/\/[^/]/.test(address)) throw new ConfigError(`seal "${label}": "${address}" is no address such as https://vault.example.com:8200`)
  return address
}

function openAzure(config: AzureConfig, now: () => number): Seal {
  const { tenant_id: tenantId, client_id: clientId, client_secret: clientSecret, vault_name: vault, key_name: keyName, resource } = config
  if (!/^[\w-]+$/.test(vault)) throw new ConfigError(`seal "azurekeyvault": "${vault}" is no name of a vault`)
  const vaultUrl = checkAddress('azurekeyvault', config.endpoint ?? `https://${vault}.${resource}`)
  const loginUrl = checkAddress('azurekeyvault', config.login_endpoint).replace(/\/+$/, '')
  return azureKeyVaultSeal({ tenantId, clientId, clientSecret, vaultUrl, keyName, loginUrl, resource: `https://${resource}`, now })
}

function openGcp({ credentials, project, region, key_ring: keyRing, crypto_key: cryptoKey, endpoint }: GcpConfig, now: () => number): Seal {
  const account = parseServiceAccount(readFile('seal "gcpckms": credentials', credentials))
  return gcpKmsSeal({ account, project, region, keyRing, cryptoKey, endpoint: checkAddress('gcpckms', endpoint), now })
}
