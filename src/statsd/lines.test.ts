/** What a line says, and how many go into a datagram. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { datagramBytesMax, datagramsOf, plainLine, taggedLine, type Figure } from './lines.ts'
import { findReceiver, nothingSent, sendingOf, type SendingSettings, type WrittenSending } from './settings.ts'

const gauge: Figure = { kind: 'gauge', name: 'core.unsealed', labels: [], value: 1 }
const counter: Figure = { kind: 'counter', name: 'request.count', labels: [['mount_type', 'secret'], ['status', '2xx']], value: 2.5004 }
const settings = (more: Partial<SendingSettings> = {}): SendingSettings => ({ ...nothingSent, hostname: 'box.example.com', ...more })

test('names are those of go-metrics: prefix, name of the machine before gauges alone, values of labels behind', () => {
  const inGauges = settings({ hostnameIn: 'gauges' })
  assert.deepEqual([plainLine(gauge, inGauges), plainLine(counter, inGauges)], ['vault.box.example.com.core.unsealed:1|g', 'vault.request.count.secret.2xx:2.5|c'])
  const none = settings({ prefix: 'a.b' })
  assert.deepEqual([plainLine(gauge, none), plainLine(counter, none)], ['a.b.core.unsealed:1|g', 'a.b.request.count.secret.2xx:2.5|c'])
  const label = settings({ hostnameIn: 'labels' })
  assert.deepEqual([plainLine(gauge, label), plainLine(counter, label)], ['vault.core.unsealed.box.example.com:1|g', 'vault.request.count.secret.2xx.box.example.com:2.5|c'])
})

test('labels are tags of DogStatsD, after those of the configuration; the name of the machine is never part of a name there', () => {
  const tags = settings({ hostnameIn: 'gauges', tags: ['env:prod', 'plain'] })
  assert.deepEqual([taggedLine(gauge, tags), taggedLine(counter, tags)], ['vault.core.unsealed:1|g|#env:prod,plain', 'vault.request.count:2.5|c|#env:prod,plain,mount_type:secret,status:2xx'])
  assert.deepEqual([taggedLine(gauge, settings()), taggedLine(gauge, settings({ hostnameIn: 'labels' }))], ['vault.core.unsealed:1|g', 'vault.core.unsealed:1|g|#host:box.example.com'])
})

test('nothing in a name or a tag begins another part of the line, or another line', () => {
  const odd = settings({ prefix: 'a b:c|d\n', hostname: 'x:y', hostnameIn: 'gauges', tags: ['k:v,w|c\nx:1|g'] })
  assert.equal(plainLine(gauge, odd), 'a_b_c_d_.x_y.core.unsealed:1|g')
  assert.equal(taggedLine({ ...counter, labels: [['a:b', 'c,d e|f']] }, odd), 'a_b_c_d_.request.count:2.5|c|#k:v_w_c_x:1_g,a_b:c_d_e_f')
})

test('values have no exponent and at most three digits behind the point', () => {
  const shown = (value: number): string => plainLine({ ...gauge, value }, settings()).replace(/^.*:(.*)\|g$/, '$1')
  assert.deepEqual([0, 1e-9, 0.0005, 1 / 3, 2 ** 53, 1.5e15].map(shown), ['0', '0', '0.001', '0.333', '9007199254740992', '1500000000000000'])
})

test('datagrams hold whole lines and no more than goes through; a line that is too long is left out', () => {
  const lines = Array.from({ length: 100 }, (_, n) => `vault.figure.${n}:${'1'.repeat(n)}|c`)
  const { datagrams, leftOut } = datagramsOf(lines)
  assert.equal(datagrams.join(''), lines.map((line) => `${line}\n`).join(''))
  assert.equal(leftOut, 0)
  for (const datagram of datagrams) assert.ok(Buffer.byteLength(datagram) <= datagramBytesMax && datagram.endsWith('\n'))
  assert.ok(datagrams.length < 7, 'each is well filled')
  const [fits, long] = ['é'.repeat((datagramBytesMax - 2) / 2) + 'x', 'é'.repeat(datagramBytesMax / 2)]
  assert.deepEqual(datagramsOf(['a', long, fits, 'b']), { datagrams: ['a\n', `${fits}\n`, 'b\n'], leftOut: 1 })
  assert.deepEqual(datagramsOf([]), { datagrams: [], leftOut: 0 })
})

test('a receiver is a host and a port', () => {
  assert.deepEqual(findReceiver('127.0.0.1:8125'), { host: '127.0.0.1', port: 8125 })
  assert.deepEqual(findReceiver(' stats-d.example.com:1 '), { host: 'stats-d.example.com', port: 1 })
  assert.deepEqual(findReceiver('[::1]:65535'), { host: '::1', port: 65_535 })
  assert.deepEqual(findReceiver(':8125'), { host: '127.0.0.1', port: 8125 })
  for (const wrong of ['', 'host', 'host:', 'host:0', 'host:65536', '::1:8125', 'unix:///run/dog.sock', 'udp://host:1', 'a b:1', 'host:1/x']) assert.equal(findReceiver(wrong), null, wrong)
})

test('the name of the machine is left out where Vault leaves it out', () => {
  const at = { host: 'h', port: 1 }
  const written: WrittenSending = { statsd: at, statsite: null, dogstatsd: null, tags: [], hostname: 'box', prefix: '', disableHostname: false, hostnameLabel: false, prometheus: true }
  const place = (more: Partial<WrittenSending>): string => sendingOf({ ...written, ...more }).hostnameIn
  assert.deepEqual([place({}), place({ disableHostname: true }), place({ prometheus: false }), place({ prometheus: false, statsite: at })], ['gauges', 'none', 'none', 'gauges'])
  assert.deepEqual([place({ hostnameLabel: true }), place({ hostnameLabel: true, disableHostname: true })], ['labels', 'labels'])
  assert.equal(sendingOf(written).prefix, 'vault')
})
