/** The seals of clouds, against services that take only what their documentation says: signatures and tokens are checked, and keys really encrypt. */
import assert from 'node:assert/strict'
import { constants, createHash, createHmac, createPublicKey, generateKeyPairSync, privateDecrypt, publicEncrypt, randomBytes, verify } from 'node:crypto'
import { test } from 'node:test'
import { importAeadKey, openAead, sealAead } from '../../crypto/aead.ts'
import { signAws } from '../../crypto/sigv4.ts'
import { awsKmsSeal } from './aws-kms.ts'
import { azureKeyVaultSeal } from './azure-key-vault.ts'
import { gcpKmsSeal, parseServiceAccount } from './gcp-kms.ts'
import { SealUnreachable, type Seal } from './seal.ts'
import { withService, type Answered, type Asked } from './testing.ts'

const now = Date.UTC(2026, 10, 28, 12, 34, 56)
const rootKey = randomBytes(32)
const serviceKey = importAeadKey(randomBytes(32))
const context = Buffer.from('service')
const encrypt = (base64: string): string => sealAead(serviceKey, Buffer.from(base64, 'base64'), context).toString('base64')
const decrypt = (base64: string): string | null => openAead(serviceKey, Buffer.from(base64, 'base64'), context)?.toString('base64') ?? null

/** What every seal does, whatever stands behind it. */
async function checkSeal(seal: Seal): Promise<void> {
  const wrapped = await seal.wrap(rootKey)
  assert.ok(!Buffer.from(wrapped).includes(rootKey))
  assert.deepEqual(await seal.unwrap(wrapped), rootKey)
  assert.equal(await seal.unwrap(Buffer.from(wrapped).fill(1, 40)), null, 'of another key, or damaged')
}

const isUnreachable = (pattern: RegExp) => (error: unknown): boolean => error instanceof SealUnreachable && pattern.test(error.message)

test('Signature Version 4: the examples of the AWS documentation', () => {
  const credentials = { accessKey: 'AKIDEXAMPLE', secretKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', sessionToken: '' }
  const at = Date.UTC(2015, 7, 30, 12, 36, 0)
  const sign = (method: string, url: string, headers = {}, body = '') => signAws({ method, url, headers, body }, credentials, 'us-east-1', 'service', at)['authorization']?.slice(-64)
  assert.equal(sign('GET', 'https://example.amazonaws.com/'), '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31') // get-vanilla
  assert.equal(sign('GET', 'https://example.amazonaws.com/?Param2=value2&Param1=value1'), 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500') // get-vanilla-query-order-key-case
  assert.equal(sign('POST', 'https://example.amazonaws.com/'), '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b') // post-vanilla
  const form = sign('POST', 'https://example.amazonaws.com/', { 'content-type': 'application/x-www-form-urlencoded' }, 'Param1=value1')
  assert.equal(form, 'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a') // post-x-www-form-urlencoded
})

const aws = { accessKey: 'AKIA', secretKey: 'aws-secret', sessionToken: 'session' }

/** Written apart from the signer: the signature of what came, from the documentation alone. */
function checkAwsSignature({ method, path, headers, body }: Asked): void {
  const [, day = '', region = '', names = '', signature] = /^AWS4-HMAC-SHA256 Credential=AKIA\/(\d{8})\/([\w-]+)\/kms\/aws4_request, SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})$/.exec(headers.authorization ?? '') ?? []
  for (const needed of ['host', 'x-amz-date', 'x-amz-target', 'x-amz-security-token', 'content-type']) assert.ok(names.split(';').includes(needed), needed)
  assert.deepEqual([region, headers['x-amz-date'], headers['x-amz-security-token']], ['eu-central-1', '20261128T123456Z', 'session'])
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
  const mac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
  const canonical = `${method}\n${path}\n\n${names.split(';').map((name) => `${name}:${String(headers[name])}\n`).join('')}\n${names}\n${hash(body)}`
  const key = mac(mac(mac(mac('AWS4aws-secret', day), region), 'kms'), 'aws4_request')
  assert.equal(signature, mac(key, `AWS4-HMAC-SHA256\n20261128T123456Z\n${day}/${region}/kms/aws4_request\n${hash(canonical)}`).toString('hex'))
}

function kms(asked: Asked): Answered {
  checkAwsSignature(asked)
  assert.equal(asked.headers['content-type'], 'application/x-amz-json-1.1')
  const { KeyId, Plaintext, CiphertextBlob } = JSON.parse(asked.body) as Record<string, string>
  assert.equal(KeyId, 'alias/coffer')
  if (asked.headers['x-amz-target'] === 'TrentService.Encrypt') return { status: 200, json: { CiphertextBlob: encrypt(Plaintext ?? ''), KeyId: 'arn:x', EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' } }
  assert.equal(asked.headers['x-amz-target'], 'TrentService.Decrypt')
  const opened = decrypt(CiphertextBlob ?? '')
  return opened === null ? { status: 400, json: { __type: 'InvalidCiphertextException' } } : { status: 200, json: { Plaintext: opened, KeyId: 'arn:x' } }
}

test('AWS KMS: Encrypt and Decrypt, signed', () => withService(kms, async ({ url }) => {
  await checkSeal(awsKmsSeal({ region: 'eu-central-1', keyId: 'alias/coffer', credentials: aws, endpoint: url, now: () => now }))
}))

test('AWS KMS: what it refuses for now is no other store', async () => {
  for (const json of [{ __type: 'AccessDeniedException' }, { __type: 'ThrottlingException' }, { __type: 'com.amazonaws.kms#DisabledException' }, {}]) {
    await withService(() => ({ status: 400, json }), async ({ url }) => {
      const seal = awsKmsSeal({ region: 'eu-central-1', keyId: 'k', credentials: aws, endpoint: url, now: () => now })
      await assert.rejects(seal.unwrap(Buffer.from('x')), isUnreachable(/^AWS KMS refuses to decrypt \(status 400\)$/))
    })
  }
})

const azureKey = generateKeyPairSync('rsa', { modulusLength: 2048 })
const keyVersion = '0123456789abcdef0123456789abcdef'

function azure(asked: Asked): Answered {
  const { method, path, headers, body } = asked
  if (path === '/tenant/oauth2/v2.0/token') {
    assert.deepEqual(Object.fromEntries(new URLSearchParams(body)), { grant_type: 'client_credentials', client_id: 'app', client_secret: 'app-secret', scope: 'https://vault.azure.net/.default' })
    assert.equal(headers['content-type'], 'application/x-www-form-urlencoded')
    return { status: 200, json: { token_type: 'Bearer', expires_in: 3599, access_token: 'azure-token' } }
  }
  assert.equal(headers.authorization, 'Bearer azure-token')
  if (method === 'GET') {
    assert.equal(path, '/keys/coffer?api-version=7.4')
    return { status: 200, json: { key: { kid: `https://v.vault.azure.net/keys/coffer/${keyVersion}`, kty: 'RSA' } } }
  }
  const { alg, value = '' } = JSON.parse(body) as Record<string, string>
  assert.equal(alg, 'RSA-OAEP-256')
  const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
  if (path === `/keys/coffer/${keyVersion}/wrapkey?api-version=7.4`) return { status: 200, json: { value: publicEncrypt({ key: azureKey.publicKey, ...oaep }, Buffer.from(value, 'base64url')).toString('base64url') } }
  assert.equal(path, `/keys/coffer/${keyVersion}/unwrapkey?api-version=7.4`)
  try {
    return { status: 200, json: { value: privateDecrypt({ key: azureKey.privateKey, ...oaep }, Buffer.from(value, 'base64url')).toString('base64url') } }
  } catch {
    return { status: 400, json: { error: { code: 'BadParameter' } } }
  }
}

const azureSeal = (url: string, clock = () => now): Seal =>
  azureKeyVaultSeal({ tenantId: 'tenant', clientId: 'app', clientSecret: 'app-secret', vaultUrl: url, keyName: 'coffer', loginUrl: url, resource: 'https://vault.azure.net', now: clock })

test('Azure Key Vault: wrapkey and unwrapkey, with a token that is asked for once and again when it ends', () => withService(azure, async ({ url, asked }) => {
  let time = now
  const seal = azureSeal(url, () => time)
  const tokens = (): number => asked.filter(({ path }) => path.endsWith('/token')).length
  const wrapped = await seal.wrap(rootKey)
  assert.deepEqual(await seal.unwrap(wrapped), rootKey)
  assert.equal(tokens(), 1)
  time += 3_600_000
  assert.deepEqual(await seal.unwrap(wrapped), rootKey)
  assert.equal(tokens(), 2)
  const other = Buffer.from(wrapped)
  other[40] = other[40] === 65 ? 66 : 65
  assert.equal(await seal.unwrap(other), null)
}))

test('Azure Key Vault: nothing that stands in the store says where a token goes', () => withService(azure, async ({ url, asked }) => {
  const seal = azureSeal(url)
  for (const forged of [`../../evil/${keyVersion}.AAAA`, `${keyVersion}/../x.AAAA`, `https://evil.example/${keyVersion}.AAAA`, '', 'AAAA']) assert.equal(await seal.unwrap(Buffer.from(forged)), null)
  assert.equal(asked.length, 0)
}))

const accountKey = generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } })
const accountOf = (url: string) => ({ email: 'coffer@p.iam.gserviceaccount.com', privateKey: accountKey.privateKey, privateKeyId: 'kid1', tokenUrl: `${url}/token` })

const google = (url: () => string) => ({ path, headers, body }: Asked): Answered => {
  if (path === '/token') {
    const form = Object.fromEntries(new URLSearchParams(body))
    assert.equal(form['grant_type'], 'urn:ietf:params:oauth:grant-type:jwt-bearer')
    const [head = '', claims = '', signature = ''] = (form['assertion'] ?? '').split('.')
    const part = (text: string): unknown => JSON.parse(Buffer.from(text, 'base64url').toString())
    assert.deepEqual(part(head), { alg: 'RS256', typ: 'JWT', kid: 'kid1' })
    const iat = Math.floor(now / 1000)
    assert.deepEqual(part(claims), { iss: 'coffer@p.iam.gserviceaccount.com', scope: 'https://www.googleapis.com/auth/cloudkms', aud: `${url()}/token`, iat, exp: iat + 3600 })
    assert.ok(verify('sha256', Buffer.from(`${head}.${claims}`), createPublicKey(accountKey.publicKey), Buffer.from(signature, 'base64url')))
    return { status: 200, json: { access_token: 'google-token', expires_in: 3599, token_type: 'Bearer' } }
  }
  assert.equal(headers.authorization, 'Bearer google-token')
  const key = '/v1/projects/p/locations/global/keyRings/ring/cryptoKeys/coffer'
  const { plaintext, ciphertext } = JSON.parse(body) as Record<string, string>
  if (path === `${key}:encrypt`) return { status: 200, json: { name: `${key}/cryptoKeyVersions/1`, ciphertext: encrypt(plaintext ?? '') } }
  assert.equal(path, `${key}:decrypt`)
  const opened = decrypt(ciphertext ?? '')
  return opened === null ? { status: 400, json: { error: { status: 'INVALID_ARGUMENT' } } } : { status: 200, json: { plaintext: opened } }
}

test('Google Cloud KMS: encrypt and decrypt, as a service account', async () => {
  let at = ''
  await withService(google(() => at), async ({ url }) => {
    at = url
    await checkSeal(gcpKmsSeal({ account: accountOf(url), project: 'p', region: 'global', keyRing: 'ring', cryptoKey: 'coffer', endpoint: url, now: () => now }))
  })
})

test('credentials that are none are refused, naming what is missing and nothing of the rest', () => {
  const whole = { client_email: 'a@b', private_key: accountKey.privateKey, private_key_id: 'x', token_uri: 'https://t' }
  assert.equal(parseServiceAccount(JSON.stringify(whole)).email, 'a@b')
  for (const [text, why] of [
    ['no', /no JSON object/], ['[]', /no JSON object/], [JSON.stringify({ ...whole, client_email: undefined }), /have no client_email/],
    [JSON.stringify({ ...whole, private_key: 'sec-ret' }), /^private_key of the credentials is no key$/],
  ] as const) assert.throws(() => parseServiceAccount(text), (error: Error) => why.test(error.message) && !error.message.includes('sec-ret'))
})

test('a service that is not there, answers nonsense, too much, or points elsewhere is unreachable, and no secret is told', async () => {
  const gone = awsKmsSeal({ region: 'r', keyId: 'k', credentials: aws, endpoint: 'http://127.0.0.1:9', now: () => now })
  await assert.rejects(gone.wrap(rootKey), isUnreachable(/^AWS KMS at http:\/\/127\.0\.0\.1:9: ECONNREFUSED$/))
  for (const [answer, why] of [
    [{ status: 200, json: {} }, /^AWS KMS: the answer has no CiphertextBlob$/], [{ status: 302, json: {} }, /status 302/], [{ status: 500, json: { message: 'aws-secret' } }, /refuses to encrypt \(status 500\)$/],
    [{ status: 200, json: { CiphertextBlob: 'A'.repeat(300_000) } }, /too long/],
  ] as const) {
    await withService(() => answer, async ({ url }) => {
      const seal = awsKmsSeal({ region: 'r', keyId: 'k', credentials: aws, endpoint: url, now: () => now })
      await assert.rejects(seal.wrap(rootKey), isUnreachable(why))
    })
  }
})
