/** The keys of seals. What a key says goes before the variable of the environment that it names. */
import { because, defaulted, labelled, optional, table } from './tables.ts'
import { flag, text, whole } from './values.ts'

const common = {
  disabled: defaulted(flag, false, '`true`: the block counts as not there.'),
  name: defaulted(text, '', 'Tells several seals of one type apart.', { shown: 'the type' }),
  priority: defaulted(whole, 0, 'Of several seals the one with the lowest number is asked first; of the same number, the one that stands first.'),
}
const required = (about: string, variable: string) => optional(text, `${about} Else \`${variable}\`.`, { shown: 'required' })
const possible = (about: string, variable?: string) => optional(text, variable === undefined ? about : `${about} Else \`${variable}\`.`)
const noFile = because('credentials of instances and profiles are not looked for; set access_key and secret_key, or their variables', 'shared_creds_file', 'shared_creds_filename', 'shared_creds_profile', 'profile', 'role_arn', 'role_session_name', 'web_identity_token_file')

export const sealLabels = {
  shamir: labelled('People who hold shares of the key.', table({ disabled: common.disabled })),
  keyfile: labelled('A file with a key, mode 0600: the server unseals itself.', table({ path: optional(text, 'The file. `coffer server` makes one in its data folder.', { shown: 'required' }), ...common })),
  transit: labelled('A key of the transit engine of another Coffer, Vault or OpenBao.', table({
    address: required('The other server.', 'VAULT_ADDR'),
    token: required('A token that may encrypt and decrypt with the key.', 'VAULT_TOKEN'),
    key_name: required('The key.', 'VAULT_TRANSIT_SEAL_KEY_NAME'),
    mount_path: possible('Where the engine is mounted, such as `transit/`.', 'VAULT_TRANSIT_SEAL_MOUNT_PATH'),
    namespace: possible('The namespace of the engine.', 'VAULT_NAMESPACE'),
    disable_renewal: defaulted(flag, false, '`true`: the token is not renewed.'),
    tls_ca_cert: possible('File of the authority that signed the certificate of the other server.', 'VAULT_CACERT'),
    tls_client_cert: possible('File of a client certificate.', 'VAULT_CLIENT_CERT'),
    tls_client_key: possible('File of its key.', 'VAULT_CLIENT_KEY'),
    tls_server_name: possible('The name to expect in the certificate.', 'VAULT_TLS_SERVER_NAME'),
    tls_skip_verify: defaulted(flag, false, '`true`: any certificate will do.'),
    ...common,
  }, { ignored: because('the key is found by its name', 'key_id_prefix') })),
  awskms: labelled('A key of AWS KMS.', table({
    region: possible('Default `us-east-1`.', 'AWS_REGION'),
    kms_key_id: required('Id, alias or ARN of the key.', 'VAULT_AWSKMS_SEAL_KEY_ID'),
    access_key: required('Credentials.', 'AWS_ACCESS_KEY_ID'),
    secret_key: required('Credentials.', 'AWS_SECRET_ACCESS_KEY'),
    session_token: possible('Of temporary credentials.', 'AWS_SESSION_TOKEN'),
    endpoint: possible('Address of the service, in place of the one of the region.', 'AWS_KMS_ENDPOINT'),
    ...common,
  }, { ignored: noFile })),
  azurekeyvault: labelled('A key of Azure Key Vault.', table({
    tenant_id: required('The tenant.', 'AZURE_TENANT_ID'),
    client_id: required('The application.', 'AZURE_CLIENT_ID'),
    client_secret: required('Its secret.', 'AZURE_CLIENT_SECRET'),
    vault_name: required('The vault.', 'VAULT_AZUREKEYVAULT_VAULT_NAME'),
    key_name: required('The key, of RSA.', 'VAULT_AZUREKEYVAULT_KEY_NAME'),
    resource: defaulted(text, 'vault.azure.net', 'The domain of the service, of another cloud for instance.'),
    endpoint: possible('Address of the vault, in place of its name in that domain.'),
    login_endpoint: defaulted(text, 'https://login.microsoftonline.com', 'Where access tokens come from.'),
    ...common,
  }, { ignored: because('say resource and login_endpoint', 'environment') })),
  gcpckms: labelled('A key of Google Cloud KMS.', table({
    credentials: required('File of the credentials of a service account.', 'GOOGLE_APPLICATION_CREDENTIALS'),
    project: required('The project.', 'GOOGLE_PROJECT'),
    region: required('The location of the key ring.', 'GOOGLE_REGION'),
    key_ring: required('The key ring.', 'VAULT_GCPCKMS_SEAL_KEY_RING'),
    crypto_key: required('The key.', 'VAULT_GCPCKMS_SEAL_CRYPTO_KEY'),
    endpoint: defaulted(text, 'https://cloudkms.googleapis.com', 'Address of the service.'),
    ...common,
  })),
  pkcs11: labelled('A key that stays in an HSM or another token of PKCS #11. Takes the package `koffi`.', table({
    lib: required('The library of the token.', 'VAULT_HSM_LIB'),
    slot: possible('Number of the slot, decimal or with `0x`.', 'VAULT_HSM_SLOT'),
    token_label: possible('Label of the token; this or the slot is required.', 'VAULT_HSM_TOKEN_LABEL'),
    pin: required('PIN of its user.', 'VAULT_HSM_PIN'),
    key_label: possible('Label of the key; this or its id is required.', 'VAULT_HSM_KEY_LABEL'),
    key_id: possible('Id of the key, in hex.', 'VAULT_HSM_KEY_ID'),
    hmac_key_label: possible('Label of the key for the MAC, with `AES_CBC_PAD`.', 'VAULT_HSM_HMAC_KEY_LABEL'),
    hmac_key_id: possible('Its id, in hex.', 'VAULT_HSM_HMAC_KEY_ID'),
    mechanism: possible('`AES_GCM`, `RSA_PKCS_OAEP` or `AES_CBC_PAD`, or its number. Default: the best that key and token can do.', 'VAULT_HSM_MECHANISM'),
    hmac_mechanism: possible('`SHA256_HMAC`, the only one.', 'VAULT_HSM_HMAC_MECHANISM'),
    rsa_oaep_hash: possible('`sha1`, `sha224`, `sha256`, `sha384` or `sha512`. Default `sha256`.', 'VAULT_HSM_RSA_OAEP_HASH'),
    generate_key: possible('`true`: keys that are missing are made in the token, when something is to be wrapped.', 'VAULT_HSM_GENERATE_KEY'),
    disable_software_encryption: defaulted(flag, false, 'With RSA, `true`: the token encrypts as well, rather than the server with the public key.'),
    ...common,
  }, { ignored: because('a session that can write is opened only to make keys, and calls are made one after the other', 'force_rw_session', 'max_parallel', 'rsa_encrypt_local', 'default_key_label', 'default_hmac_key_label') })),
}
