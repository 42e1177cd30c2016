/** Class: good cryptography, used badly. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keysUnder } from '../core/check/findings.ts'
import { treeOf } from '../core/mounts/record.ts'
import { evaluate, invert, multiply } from '../crypto/gf256.ts'
import { withServer } from '../request/testing/checked-server.ts'

test('CVE-2023-25000: the arithmetic of the shares looks nothing up and takes no turn by what it computes with', () => {
  for (const work of [multiply, invert]) {
    const source = work.toString().replaceAll(/\/\*[^]*?\*\/|\/\/.*$/gm, '')
    assert.equal(/\[|\bif\b|\?|&&|\|\||\bwhile\b|\bswitch\b/.test(source), false, source)
  }
  // Horner's rule runs over the coefficients by their place, not by their value.
  assert.deepEqual(evaluate.toString().match(/\[[^\]]*\]/g), ['[i]'])
})

test('CVE-2023-4680: a nonce is never chosen by a caller and never comes twice, nor do equal values look equal', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/kv', { data: { type: 'kv' } })
    const mount = await server.core.mounts.at('kv/')
    assert.ok(mount !== null)
    const nonces = new Set<string>()
    const values = new Set<string>()
    let count = 0
    for (let i = 0; i < 500; i++) {
      await server.ok('write', 'kv/same', { data: { nonce: 'AAAAAAAAAAAAAAAA', iv: 'AAAAAAAAAAAAAAAA', value: 'the same again' } })
      for await (const key of keysUnder(server.store, `t/${treeOf(mount.record)}/r/`)) {
        const entry = await server.store.get(key)
        assert.ok(entry !== null)
        // [format 1][term 4][nonce 12]
        nonces.add(Buffer.from(entry.value.subarray(5, 17)).toString('hex'))
        values.add(Buffer.from(entry.value.subarray(17)).toString('hex'))
        count += 1
      }
    }
    assert.ok(count >= 500)
    assert.deepEqual([nonces.size, values.size], [count, count])
  })
})
