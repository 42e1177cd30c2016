/** Answers as tables, fields and lists; results to stdout, remarks and warnings where they belong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSecret, type WireSecret } from '../secret.ts'
import { createPrinter, printListing, type PrinterOptions } from './printer.ts'

function printer(options: Partial<PrinterOptions> = {}) {
  const printed = { out: '', err: '' }
  const terminal = {
    out: (data: string | Uint8Array) => void (printed.out += String(data)),
    err: (text: string) => void (printed.err += text),
    outIsScreen: false,
    errIsScreen: false,
    inIsKeyboard: false,
    readInput: async () => '',
    readHidden: async () => '',
  }
  const usual = { terminal, format: 'table', field: undefined, detailed: false, colour: false, endFieldLine: false } as const
  const print = createPrinter({ ...usual, ...options })
  return { print, printed }
}

const secret = (text: string): WireSecret => {
  const parsed = parseSecret(text)
  assert.ok(parsed)
  return parsed
}

const lease = `{"request_id":"r","lease_id":"database/creds/x/1","renewable":true,"lease_duration":3600,
  "data":{"username":"u","ttl":60},"warnings":["careful"],"auth":null}`
const lines = (...all: string[]): string => `${all.join('\n')}\n`
const login = `{"request_id":"","lease_id":"","renewable":false,"lease_duration":0,"data":null,
  "auth":{"client_token":"hvs.x","accessor":"acc","policies":["a","default"],"token_policies":["default"],
  "identity_policies":["a"],"metadata":{"role":"web"},"lease_duration":0,"renewable":true}}`
const wrapped = `{"request_id":"","wrap_info":{"token":"hvs.w","accessor":"acc","ttl":120,"creation_time":"2018-01-10T00:47:54.97Z",
  "creation_path":"auth/token/create","wrapped_accessor":"inner"},"data":null}`

test('a lease stands before the data, and warnings go to stderr', async () => {
  const { print, printed } = printer()
  await print.secret(secret(lease))
  assert.equal(
    printed.out,
    lines(
      'Key                Value',
      '---                -----',
      'lease_id           database/creds/x/1',
      'lease_duration     1h',
      'lease_renewable    true',
      'ttl                1m',
      'username           u',
    ),
  )
  assert.equal(printed.err, 'WARNING! The following warnings were returned from Vault:\n\n  * careful\n\n')
})

test('a token shows its policies, and for how long it lives', async () => {
  const { print, printed } = printer()
  await print.secret(secret(login))
  assert.match(printed.out, /\ntoken_duration {7}∞\n/)
  assert.match(printed.out, /\npolicies {13}\["a" "default"\]\ntoken_meta_role {6}web\n$/)
})

test('a wrapped answer shows the wrapping token', async () => {
  const { print, printed } = printer()
  await print.secret(secret(wrapped))
  assert.match(printed.out, /^Key {30}Value\n/)
  assert.match(printed.out, /\nwrapping_token_ttl: {14}2m\nwrapping_token_creation_time: {4}2018-01-10 00:47:54\.97 \+0000 UTC\n/)
  assert.match(printed.out, /\nwrapped_accessor: {16}inner\n$/)
})

test('JSON has the envelope of Vault, and leaves out what was not sent', async () => {
  const { print, printed } = printer({ format: 'json' })
  const envelope = '"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"warnings":null,"auth":null'
  await print.secret(secret(`{${envelope},"data":{"n":12345678901234567890}}`))
  assert.equal(
    printed.out,
    lines(
      '{',
      '  "request_id": "r",',
      '  "lease_id": "",',
      '  "lease_duration": 0,',
      '  "renewable": false,',
      '  "data": {',
      '    "n": 12345678901234567890',
      '  },',
      '  "warnings": null',
      '}',
    ),
  )
})

test('a field is printed bare, with a line end on a screen only', async () => {
  const field = async (text: string, name: string, options: Partial<PrinterOptions> = {}): Promise<string> => {
    const { print, printed } = printer({ field: name, ...options })
    await print.secret(secret(text))
    return printed.out
  }
  assert.equal(await field(lease, 'username'), 'u')
  assert.equal(await field(lease, 'username', { endFieldLine: true }), 'u\n')
  assert.equal(await field(lease, 'lease_duration'), '3600')
  assert.equal(await field(login, 'token_policies'), '[default]')
  assert.equal(await field(wrapped, 'wrapping_token'), 'hvs.w')
  assert.equal(await field(lease, 'data', { format: 'json' }), '{\n  "ttl": 60,\n  "username": "u"\n}')
})

test('a field that is not there is exit code 1', async () => {
  const { print } = printer({ field: 'nope' })
  await assert.rejects(print.secret(secret(lease)), { exitCode: 1, message: 'Field "nope" not present in secret' })
})

test('names of every kind are fields like any other', async () => {
  const { print, printed } = printer({ field: '__proto__' })
  await print.secret(secret('{"data":{"__proto__":"x","constructor":"y"}}'))
  assert.equal(printed.out, 'x')
  await assert.rejects(printer({ field: 'toString' }).print.secret(secret('{"data":{"a":1}}')), { exitCode: 1 })
})

test('a list is sorted; an empty one is {} and exit code 2', async () => {
  const { print, printed } = printer()
  assert.equal(await printListing(print, secret('{"data":{"keys":["b","a/"]}}'), 'p'), 0)
  assert.equal(printed.out, 'Keys\n----\na/\nb\n')
  const empty = printer({ format: 'json' })
  assert.equal(await printListing(empty.print, null, 'p'), 2)
  assert.equal(empty.printed.out, '{}\n')
  await assert.rejects(printListing(printer().print, null, 'p'), { exitCode: 2, message: 'No value found at p' })
})

test('a detailed list has a column for each thing that is known', async () => {
  const { print, printed } = printer({ detailed: true })
  await print.list(secret('{"data":{"keys":["a","b"],"key_info":{"a":{"ttl":60,"x":1},"b":{"x":2}}}}'))
  assert.equal(printed.out, 'Keys    ttl    x\n----    ---    -\na       1m     1\nb       n/a    2\n')
})

test('colour is for errors and warnings, when it is wanted', () => {
  const { print, printed } = printer({ colour: true })
  print.error('no')
  assert.equal(printed.err, '\u001b[31mno\u001b[0m\n')
})
