/** Post-quantum keys through the API. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { base64, transitHarness } from './testing.ts'

test('keys of ML-DSA and SLH-DSA sign and verify, in every version, also after a restore', async () => {
  for (const [type, parameterSet] of [['ml-dsa', '44'], ['slh-dsa', 'slh-dsa-sha2-128f']] as const) {
    const { write, read, refused } = transitHarness(memoryStore(), beginTransaction)
    const made = await write('keys/k', { type, parameter_set: parameterSet, exportable: true, allow_plaintext_backup: true })
    assert.deepEqual([made['type'], made['parameter_set'], made['supports_signing'], made['supports_encryption']], [type, parameterSet, true, false])
    const { signature } = await write('sign/k', { input: base64('text') })
    await write('keys/k/rotate')
    assert.equal((await write('sign/k', { input: base64('text') }))['key_version'], 2)
    await write('restore/copy', { backup: (await read('backup/k'))['backup'] ?? '' })
    for (const name of ['k', 'copy']) {
      assert.deepEqual(await write(`verify/${name}`, { input: base64('text'), signature: signature ?? '' }), { valid: true })
      assert.deepEqual(await write(`verify/${name}`, { input: base64('else'), signature: signature ?? '' }), { valid: false })
    }
    assert.match(await refused('sign/k', { input: base64('text'), prehashed: true }), /sign the input itself/)
    assert.match(await refused('encrypt/k', { plaintext: base64('text') }), /not supported/)
    assert.match(await refused('keys/k/csr'), /no signing requests/)
    const { keys } = await read('export/public-key/k/1')
    assert.deepEqual((keys as Record<string, string>)['1'], ((await read('keys/k'))['keys'] as Record<string, { public_key: string }>)['1']?.public_key)
  }
})

test('hybrids of ML-KEM encrypt and decrypt, with associated data, and rewrap', async () => {
  for (const type of ['ml-kem-768-x25519', 'ml-kem-1024-p384']) {
    const { write, refused, send } = transitHarness(memoryStore(), beginTransaction)
    await write('keys/k', { type })
    const sealed = { ciphertext: (await write('encrypt/k', { plaintext: base64('text'), associated_data: base64('a') }))['ciphertext'] ?? '' }
    assert.deepEqual(await write('decrypt/k', { ...sealed, associated_data: base64('a') }), { plaintext: base64('text') })
    assert.match(await refused('decrypt/k', sealed), /authentication failed/)
    assert.match(await refused('decrypt/k', { ciphertext: 'vault:v1:AAAA' }), /length/)
    assert.match(await refused('decrypt/k', { ciphertext: `vault:v1:${base64(new Uint8Array(2000))}` }), /authentication failed/)
    const { ciphertext } = await write('encrypt/k', { plaintext: base64('text') })
    await write('keys/k/rotate')
    const again = await write('rewrap/k', { ciphertext: ciphertext ?? '' })
    assert.equal(again['key_version'], 2)
    assert.deepEqual(await write('decrypt/k', { ciphertext: again['ciphertext'] ?? '' }), { plaintext: base64('text') })
    assert.equal((await send('POST', 'keys/d', { type, derived: true })).status, 400)
  }
})

test('a set of parameters is asked for where there are several, and refused where there is none', async () => {
  const { refused } = transitHarness(memoryStore(), beginTransaction)
  assert.match(await refused('keys/k', { type: 'ml-dsa' }), /one of 44, 65, 87$/)
  assert.match(await refused('keys/k', { type: 'ml-dsa', parameter_set: '45' }), /one of 44, 65, 87$/)
  assert.match(await refused('keys/k', { type: 'aes256-gcm96', parameter_set: '44' }), /not valid/)
  assert.match(await refused('keys/k', { type: 'ml-dsa-44' }), /unknown key type/)
})
