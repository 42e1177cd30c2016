/** Vectors of standards through the API: keys come in from outside, and what is signed, encrypted and computed is what the standard says. */
import assert from 'node:assert/strict'
import { createHash, createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { importPrivate } from './testing-import.ts'
import { base64, transitHarness } from './testing.ts'

const hex = (text: string): string => base64(Buffer.from(text, 'hex'))
const world = () => {
  const { send, write, store } = transitHarness(memoryStore(), beginTransaction)
  return { send, write, imported: importPrivate(store, send) }
}

const pkcs8Ed25519 = '302e020100300506032b657004220420'
const sha512OfAbc = createHash('sha512').update('abc').digest('hex')
/** RFC 8032, section 7.1: secret key, public key, message, signature. */
const rfc8032: readonly (readonly [name: string, secret: string, publicKey: string, message: string, signature: string])[] = [
  ['TEST 1', '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b'],
  ['TEST 2', '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb', '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c', '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'],
  ['TEST 3', 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7', 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025', 'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a'],
  ['TEST SHA(abc)', '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42', 'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf2', sha512OfAbc,
    'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704'],
]

test('RFC 8032, section 7.1: Ed25519 signs as it says, to the bit', async () => {
  const { write, imported, send } = world()
  for (const [i, [name, secret, publicKey, message, signature]] of rfc8032.entries()) {
    await imported(`k${i}`, 'ed25519', Buffer.from(pkcs8Ed25519 + secret, 'hex'))
    assert.equal((await write(`sign/k${i}`, { input: hex(message) }))['signature'], `vault:v1:${hex(signature)}`, name)
    assert.equal((await write(`verify/k${i}`, { input: hex(message), signature: `vault:v1:${hex(signature)}` }))['valid'], true, name)
    const { keys } = (await send('GET', `keys/k${i}`)).data as unknown as { keys: { 1: { public_key: string } } }
    assert.equal(keys[1].public_key, hex(publicKey), name)
  }
})

/** RFC 6979, appendices A.2.5 to A.2.7: the public key, and r and s by hash and message. */
const rfc6979 = [
  {
    crv: 'P-256', size: 32, x: '60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6', y: '7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299',
    signatures: [
      ['sha2-224', 'sample', '53B2FFF5D1752B2C689DF257C04C40A587FABABB3F6FC2702F1343AF7CA9AA3F', 'B9AFB64FDC03DC1A131C7D2386D11E349F070AA432A4ACC918BEA988BF75C74C'],
      ['sha2-256', 'sample', 'EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716', 'F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8'],
      ['sha2-384', 'sample', '0EAFEA039B20E9B42309FB1D89E213057CBF973DC0CFC8F129EDDDC800EF7719', '4861F0491E6998B9455193E34E7B0D284DDD7149A74B95B9261F13ABDE940954'],
      ['sha2-512', 'sample', '8496A60B5E9B47C825488827E0495B0E3FA109EC4568FD3F8D1097678EB97F00', '2362AB1ADBE2B8ADF9CB9EDAB740EA6049C028114F2460F96554F61FAE3302FE'],
      ['sha2-256', 'test', 'F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367', '019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083'],
    ],
  },
  {
    crv: 'P-384', size: 48,
    x: 'EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13', y: '8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720',
    signatures: [
      ['sha2-256', 'sample', '21B13D1E013C7FA1392D03C5F99AF8B30C570C6F98D4EA8E354B63A21D3DAA33BDE1E888E63355D92FA2B3C36D8FB2CD', 'F3AA443FB107745BF4BD77CB3891674632068A10CA67E3D45DB2266FA7D1FEEBEFDC63ECCD1AC42EC0CB8668A4FA0AB0'],
      ['sha2-384', 'sample', '94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46', '99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8'],
      ['sha2-512', 'sample', 'ED0959D5880AB2D869AE7F6C2915C6D60F96507F9CB3E047C0046861DA4A799CFE30F35CC900056D7C99CD7882433709', '512C8CCEEE3890A84058CE1E22DBC2198F42323CE8ACA9135329F03C068E5112DC7CC3EF3446DEFCEB01A45C2667FDD5'],
    ],
  },
  {
    crv: 'P-521', size: 66,
    x: '1894550D0785932E00EAA23B694F213F8C3121F86DC97A04E5A7167DB4E5BCD371123D46E45DB6B5D5370A7F20FB633155D38FFA16D2BD761DCAC474B9A2F5023A4',
    y: '0493101C962CD4D2FDDF782285E64584139C2F91B47F87FF82354D6630F746A28A0DB25741B5B34A828008B22ACC23F924FAAFBD4D33F81EA66956DFEAA2BFDFCF5',
    signatures: [
      ['sha2-256', 'sample', '1511BB4D675114FE266FC4372B87682BAECC01D3CC62CF2303C92B3526012659D16876E25C7C1E57648F23B73564D67F61C6F14D527D54972810421E7D87589E1A7',
        '04A171143A83163D6DF460AAF61522695F207A58B95C0644D87E52AA1A347916E4F7A72930B1BC06DBE22CE3F58264AFD23704CBB63B29B931F7DE6C9D949A7ECFC'],
      ['sha2-512', 'sample', '0C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E377FA',
        '0617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A'],
    ],
  },
] as const

test('RFC 6979, appendix A.2: its signatures verify, of the text and of its hash, and none of another text does', async () => {
  const { write } = world()
  for (const { crv, size, x, y, signatures } of rfc6979) {
    const bytes = (written: string): Buffer => Buffer.from(written.padStart(2 * size, '0'), 'hex')
    const key = createPublicKey({ key: { kty: 'EC', crv, x: bytes(x).toString('base64url'), y: bytes(y).toString('base64url') }, format: 'jwk' })
    const type = `ecdsa-p${crv.slice(2)}`
    await write(`keys/${type}/import`, { type, public_key: key.export({ format: 'pem', type: 'spki' }) as string })
    for (const [hash, message, r, s] of signatures) {
      const signature = `vault:v1:${Buffer.concat([bytes(r), bytes(s)]).toString('base64url')}`
      const valid = async (input: object): Promise<unknown> => (await write(`verify/${type}/${hash}`, { signature, marshaling_algorithm: 'jws', ...input }))['valid']
      assert.equal(await valid({ input: base64(message) }), true, `${crv} ${hash}`)
      assert.equal(await valid({ input: base64(createHash(hash.replace('sha2-', 'sha')).update(message).digest()), prehashed: true }), true, `${crv} ${hash}`)
      assert.equal(await valid({ input: base64('other') }), false, `${crv} ${hash}`)
    }
  }
})

const gcmText = 'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39'
const gcmData = 'feedfacedeadbeeffeedfacedeadbeefabaddad2'
const sunscreen = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
/** Type, key, nonce, associated data, text, ciphertext with tag. */
const aeads: readonly (readonly [name: string, type: string, key: string, nonce: string, data: string, text: string, ciphertext: string])[] = [
  ['NIST, "The Galois/Counter Mode of Operation", test case 4', 'aes128-gcm96', 'feffe9928665731c6d6a8f9467308308', 'cafebabefacedbaddecaf888', gcmData, gcmText,
    '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47'],
  ['test case 14', 'aes256-gcm96', '00'.repeat(32), '00'.repeat(12), '', '00'.repeat(16), 'cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919'],
  ['test case 16', 'aes256-gcm96', 'feffe9928665731c6d6a8f9467308308'.repeat(2), 'cafebabefacedbaddecaf888', gcmData, gcmText,
    '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b'],
  ['RFC 8439, section 2.8.2', 'chacha20-poly1305', '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f', '070000004041424344454647', '50515253c0c1c2c3c4c5c6c7', Buffer.from(sunscreen).toString('hex'),
    'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691'],
]

test('AEADs: the ciphertexts of NIST and of RFC 8439 decrypt to their texts', async () => {
  const { write, imported } = world()
  for (const [i, [name, type, key, nonce, data, text, ciphertext]] of aeads.entries()) {
    await imported(`k${i}`, type, Buffer.from(key, 'hex'))
    const terms = { ciphertext: `vault:v1:${hex(nonce + ciphertext)}`, ...(data !== '' && { associated_data: hex(data) }) }
    assert.equal((await write(`decrypt/k${i}`, terms))['plaintext'], hex(text), name)
  }
})

/** RFC 4231, section 4.7 (test case 6). */
const hmacs = [
  ['sha2-224', '95e9a0db962095adaebe9b2d6f0dbce2d499f112f2d2b7273fa6870e'],
  ['sha2-256', '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54'],
  ['sha2-384', '4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952'],
  ['sha2-512', '80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598'],
] as const

test('RFC 4231, section 4.7: HMACs with a key longer than a block', async () => {
  const { write, imported } = world()
  await imported('k', 'hmac', Buffer.alloc(131, 0xaa))
  for (const [hash, mac] of hmacs) {
    assert.equal((await write(`hmac/k/${hash}`, { input: base64('Test Using Larger Than Block-Size Key - Hash Key First') }))['hmac'], `vault:v1:${hex(mac)}`, hash)
  }
})
