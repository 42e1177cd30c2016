/** LDIF is read as RFC 2849 has it, and what is not understood is refused by name. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseLdif } from './ldif.ts'

const read = (text: string): unknown => JSON.parse(JSON.stringify(parseLdif(text), (_, value: unknown) => {
  const isBytes = typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value
  return isBytes ? Buffer.from(value.data as number[]).toString('utf8') : value
}))

test('entries that are added, with comments, folded lines, base64 and several values', () => {
  assert.deepEqual(read('version: 1\n# a comment\ndn: cn=a,\r\n dc=b\r\ncn: a\nCN: a2\nsn::  w6Q=\nx:y\n\n\n\ndn:: Y249Yg==\nchangetype: add\nempty:\n'), [
    { kind: 'add', dn: 'cn=a,dc=b', attributes: [{ name: 'cn', values: ['a', 'a2'] }, { name: 'sn', values: ['ä'] }, { name: 'x', values: ['y'] }] },
    { kind: 'add', dn: 'cn=b', attributes: [{ name: 'empty', values: [''] }] },
  ])
})

test('entries that are deleted and modified', () => {
  assert.deepEqual(read('dn: a=b\nchangetype: delete\n\ndn: c=d\nchangetype: modify\nadd: m\nm: 1\nm: 2\n-\ndelete: n\n-\nreplace: o\no: :3\n'), [
    { kind: 'delete', dn: 'a=b' },
    {
      kind: 'modify', dn: 'c=d', changes: [
        { operation: 'add', attribute: { name: 'm', values: ['1', '2'] } }, { operation: 'delete', attribute: { name: 'n', values: [] } },
        { operation: 'replace', attribute: { name: 'o', values: [':3'] } },
      ],
    },
  ])
})

test('what is not understood is refused, and no value is said', () => {
  const refused: readonly (readonly [string, string])[] = [
    ['', 'must specify at least one LDIF entry'], ['# x\n', 'must specify at least one LDIF entry'], ['secret', 'LDIF is invalid: a line is no "attribute: value"'],
    ['cn: x', 'LDIF is invalid: an entry does not begin with "dn:"'], ['dn: a=b', 'LDIF is invalid: an entry that is added has no attributes'],
    ['dn: a=b\ncn:: ?', 'LDIF is invalid: the value of cn is not base64'], ['dn: a=b\ncn:< file:///etc/shadow', 'LDIF is invalid: the value of cn is a URL, which is not read'],
    ['dn: a=b\nchangetype: modrdn\nnewrdn: x', 'LDIF is invalid: the changetype must be add, modify or delete'], ['dn: a=b\ncontrol: 1.2', 'LDIF is invalid: controls are not understood'],
    ['dn: a=b\nchangetype: delete\ncn: x', 'LDIF is invalid: an entry that is deleted has attributes'], ['dn: a=b\nchangetype: modify', 'LDIF is invalid: an entry that is modified has no modifications'],
    ['dn: a=b\nchangetype: modify\nadd: m\nn: 1', 'LDIF is invalid: a modification of m has lines of another attribute'],
    ['dn: a=b\nchangetype: modify\nraise: m', 'LDIF is invalid: a modification must be add, delete or replace'], ['dn: a=b\ncn: x\n-\n', 'LDIF is invalid: "-" stands outside of a modification'],
    [Array.from({ length: 101 }, () => 'dn: a=b\nchangetype: delete\n').join('\n'), 'an LDIF may have 100 entries'],
  ]
  for (const [text, message] of refused) assert.throws(() => parseLdif(text), { message })
})
