/** Options of audit devices, and what they may not do. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError } from '../../kit/errors.ts'
import { checkDevicesTogether, parseDeviceConfig, type AuditLimits, type FileTarget, type SocketTarget, type SyslogTarget } from './config.ts'
import { anywhere } from './testing.ts'

const parse = (type: string, options: Record<string, string>, limits: AuditLimits = anywhere): ReturnType<typeof parseDeviceConfig> => parseDeviceConfig(type, options, limits)
const refuses = (type: string, options: Record<string, string>, reason: RegExp, limits?: AuditLimits): void =>
  assert.throws(() => parse(type, options, limits), (error) => error instanceof ApiError && error.code === 'bad_request' && reason.test(error.message))

test('a file device has the defaults of Vault', () => {
  const { target, redact, deadlineMs, filter, unknown } = parse('file', { file_path: '/var/log/a.log' })
  assert.deepEqual(target, { kind: 'file', path: '/var/log/a.log', mode: 0o600, fsync: false })
  assert.deepEqual(redact, { hmacAccessor: true, logRaw: false, elideListResponses: false })
  assert.equal(deadlineMs, 10_000)
  assert.equal(filter, null)
  assert.deepEqual(unknown, [])
})

test('the older name of file_path, and the names of no file, are known', () => {
  assert.equal((parse('file', { path: '/a' }).target as FileTarget).path, '/a')
  assert.equal((parse('file', { file_path: 'STDOUT' }).target as FileTarget).path, 'stdout')
  assert.equal((parse('file', { file_path: 'Discard' }).target as FileTarget).path, 'discard')
})

test('every refusal names the option', () => {
  refuses('pigeon', {}, /unknown backend type: "pigeon"/)
  refuses('', {}, /unknown backend type: ""/)
  refuses('file', {}, /file_path is required/)
  refuses('file', { file_path: '' }, /file_path is required/)
  refuses('file', { file_path: 'a\0b' }, /"file_path"/)
  refuses('file', { file_path: '/a', format: 'poem' }, /unknown format type "poem".*"format"/)
  refuses('file', { file_path: '/a', log_raw: 'perhaps' }, /"log_raw"/)
  refuses('file', { file_path: '/a', hmac_accessor: '2' }, /"hmac_accessor"/)
  refuses('file', { file_path: '/a', elide_list_responses: 'yes' }, /"elide_list_responses"/)
  refuses('file', { file_path: '/a', fsync: 'x' }, /"fsync"/)
  refuses('file', { file_path: '/a', mode: 'rw' }, /"mode"/)
  refuses('file', { file_path: '/a', mode: '04600' }, /"mode"/)
  refuses('file', { file_path: '/a', write_timeout: 'soon' }, /"write_timeout"/)
  refuses('file', { file_path: '/a', write_timeout: '0' }, /"write_timeout"/)
  refuses('file', { file_path: '/a', write_timeout: '2h' }, /"write_timeout"/)
  refuses('file', { file_path: '/a', filter: 'colour == red' }, /"filter".*colour/)
  refuses('file', { file_path: '/a', filter: 'path == a', fallback: 'true' }, /"fallback"/)
  refuses('socket', {}, /address is required/)
  refuses('socket', { address: 'host' }, /"address"/)
  refuses('socket', { address: 'host:99999' }, /"address"/)
  refuses('socket', { address: 'host:1', socket_type: 'pigeon' }, /"socket_type"/)
  refuses('socket', { address: 'relative.sock', socket_type: 'unix' }, /"address"/)
  refuses('syslog', { facility: 'KITCHEN' }, /"facility"/)
  refuses('syslog', { tag: 'a b' }, /"tag"/)
  refuses('syslog', { address: 'host:514' }, /"address"/)
})

test('CVE-2025-6000, CVE-2025-54997: the mode never makes an audit file executable', () => {
  for (const mode of ['0700', '0755', '777', '0601', '0610', '0o711']) refuses('file', { file_path: '/a', mode }, /executable/)
  for (const [mode, bits] of [['0640', 0o640], ['600', 0o600], ['0', 0], ['0000', 0]] as const) {
    assert.equal((parse('file', { file_path: '/a', mode }).target as FileTarget).mode, bits)
  }
})

test('CVE-2025-6000, CVE-2026-105816: a prefix needs the permission of the configuration, and makes no line of a script, a crontab or a key file', () => {
  refuses('file', { file_path: '/a', prefix: 'x' }, /"prefix" is not allowed/, { ...anywhere, prefix: false })
  for (const prefix of ['#!/bin/sh\n', '* * * * * root ', 'ssh-ed25519 AAAA', '{"a":', 'a\n', '\t', '$(x)', '`x`', ';x', 'a'.repeat(65)]) {
    refuses('file', { file_path: '/a', prefix }, /"prefix"/)
  }
  assert.equal(parse('file', { file_path: '/a', prefix: '@cee:' }).prefix, '@cee:')
})

test('addresses of sockets', () => {
  assert.deepEqual(parse('socket', { address: '127.0.0.1:9090' }).target, { kind: 'socket', transport: 'tcp', family: 0, host: '127.0.0.1', port: 9090, path: '' })
  assert.deepEqual(parse('socket', { address: '[::1]:9090', socket_type: 'udp6' }).target, { kind: 'socket', transport: 'udp', family: 6, host: '::1', port: 9090, path: '' })
  assert.equal((parse('socket', { address: '/run/x.sock', socket_type: 'unix' }).target as SocketTarget).path, '/run/x.sock')
  assert.equal(parse('socket', { address: 'h:1' }).deadlineMs, 2000)
  assert.equal(parse('socket', { address: 'h:1', write_timeout: '5s' }).deadlineMs, 5000)
  assert.equal(parse('socket', { address: 'h:1', write_timeout: '250ms' }).deadlineMs, 250)
})

test('syslog is the local one unless it has an address', () => {
  assert.deepEqual(parse('syslog', {}).target, { kind: 'syslog', address: null, facility: 'AUTH', tag: 'vault' })
  const remote = parse('syslog', { address: 'tcp://log.example:601', facility: 'local7', tag: 'coffer' }).target as SyslogTarget
  assert.equal(remote.address?.host, 'log.example')
  assert.equal(remote.facility, 'LOCAL7')
})

test('unknown options are accepted and named, also those with the names of inherited properties', () => {
  assert.deepEqual(parse('file', JSON.parse('{"file_path":"/a","colour":"red","__proto__":"x","skip_test":"true"}') as Record<string, string>).unknown, ['__proto__', 'colour'])
  refuses('file', Object.create({ file_path: '/a' }) as Record<string, string>, /file_path is required/)
})

test('there is at most one fallback device', () => {
  checkDevicesTogether([{ isFallback: true }, { isFallback: false }])
  assert.throws(() => checkDevicesTogether([{ isFallback: true }, { isFallback: true }]), /"fallback"/)
})
