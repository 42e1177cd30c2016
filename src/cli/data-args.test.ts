/** Data on the command line means what it means to Vault. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { stringifyExact } from '../../client/src/exact-json.ts'
import { parseData, parseQuery, parseTexts } from './data-args.ts'

const folder = mkdtempSync(join(tmpdir(), 'coffer-data-'))
after(() => rmSync(folder, { recursive: true }))
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const noInput = async (): Promise<string> => assert.fail('stdin was read')
const data = async (args: readonly string[], input = noInput): Promise<string> => stringifyExact(await parseData(args, input))

test('pairs become members, and a key that is given again a list', async () => {
  assert.equal(await data(['a=1', 'b=x=y', 'c=', '']), '{"a":"1","b":"x=y","c":""}')
  assert.equal(await data(['a=1', 'a=2', 'a=3']), '{"a":["1","2","3"]}')
})

test('a value may come from a file or from stdin, whole and unchanged', async () => {
  assert.equal(await data([`cert=@${file('cert', 'line\n')}`]), '{"cert":"line\\n"}')
  assert.equal(await data(['key=-'], async () => 'typed\n'), '{"key":"typed\\n"}')
  assert.equal(await data(['key=\\@x', '@y=z']), '{"key":"@x","@y":"z"}')
})

test('a whole object comes from a file or from stdin, with its numbers digit by digit', async () => {
  const json = '{"n":12345678901234567890,"e":1e400,"l":[1.0],"__proto__":{"x":null}}'
  assert.equal(await data([`@${file('all.json', json)}`]), json)
  assert.equal(await data(['-', 'b=2'], async () => '{"a":1}'), '{"a":1,"b":"2"}')
})

test('what is neither pair nor file is refused without showing a value', async () => {
  await assert.rejects(data(['novalue']), /invalid key\/value pair "novalue": format must be key=value/)
  await assert.rejects(data(['password=@/does/not/exist']), /"password=…": open \/does\/not\/exist: no such file or directory/)
  await assert.rejects(data([`@${file('list.json', '[1]')}`]), /not a JSON object/)
  await assert.rejects(data([`@${file('broken.json', '{"a":hidden')}`]), (error: Error) => !error.message.includes('hidden'))
  await assert.rejects(data(['a=-', 'b=-'], async () => 'x'), /stdin was read by an earlier argument/)
})

test('texts and queries take numbers and booleans of a file as text', async () => {
  const path = file('texts.json', '{"n":1.50,"t":true,"f":false,"s":"x"}')
  assert.deepEqual(await parseTexts([`@${path}`], noInput), { n: '1.50', t: '1', f: '0', s: 'x' })
  assert.deepEqual(await parseQuery(['a=1', 'a=2', 'b=3'], noInput), { a: ['1', '2'], b: ['3'] })
  await assert.rejects(parseTexts([`@${file('deep.json', '{"o":{}}')}`], noInput), /"o" must be a text/)
})
