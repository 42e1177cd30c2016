/** Addresses and ranges, against Node’s own reading of them. */
import assert from 'node:assert/strict'
import { BlockList, isIP } from 'node:net'
import { test } from 'node:test'
import { assert as check, ipV4, ipV6, nat, oneof, property, stringMatching } from 'fast-check'
import { containsAddress, containsRange, findAddress, formatAddress, formatCidr, isAddressWithin, parseAddress, parseCidr } from './cidr.ts'

const contains = (range: string, address: string): boolean => containsAddress(parseCidr(range), parseAddress(address))

test('an address lies in the ranges whose leading bits it shares', () => {
  const inside = [
    ['10.0.0.0/8', '10.255.0.1'],
    ['10.0.0.77/24', '10.0.0.1'],
    ['0.0.0.0/0', '203.0.113.9'],
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.0/31', '192.0.2.1'],
    ['2001:db8::/33', '2001:db8:7fff::1'],
    ['::1', '0:0:0:0:0:0:0:1'],
    ['fe80::/10', 'fe80::1%eth0'],
  ] as const
  const outside = [
    ['10.0.0.0/8', '11.0.0.0'],
    ['192.0.2.0/31', '192.0.2.2'],
    ['2001:db8::/33', '2001:db8:8000::1'],
    ['0.0.0.0/0', '::1'],
    ['::/0', '10.0.0.1'],
  ] as const
  for (const [range, address] of inside) assert.ok(contains(range, address), `${range} contains ${address}`)
  for (const [range, address] of outside) assert.ok(!contains(range, address), `${range} does not contain ${address}`)
})

test('an IPv4 address in its IPv6 form is the IPv4 address', () => {
  assert.ok(contains('10.0.0.0/8', '::ffff:10.1.2.3'))
  assert.ok(contains('10.0.0.0/8', '::FFFF:0a01:0203'))
  assert.ok(contains('::ffff:10.0.0.0/104', '10.1.2.3'))
  assert.ok(!contains('::/0', '::ffff:10.1.2.3'))
  assert.equal(formatCidr(parseCidr('::ffff:10.0.0.0/104')), '10.0.0.0/8')
})

test('what is no address or range is refused', () => {
  const addresses = [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '256.1.1.1',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '::1::',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    'g::',
    '12345::',
    '::1.2.3',
    '1.2.3.4::',
    '::1.2.3.4:5',
    ':1',
    '1:',
    '0x7f.1',
    '127.1',
    '٣.1.1.1',
  ]
  for (const text of addresses) {
    assert.equal(findAddress(text), null, text)
    assert.throws(() => parseAddress(text), /is not an IP address/, text)
    assert.throws(() => parseCidr(text), text)
  }
  for (const text of [
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '::/129',
    '::ffff:1.2.3.4/95',
    'fe80::1%a/64',
    '1.2.3.4/1e1',
  ])
    assert.throws(() => parseCidr(text), text)
})

test('a unix socket, which has no address, lies in no range', () => {
  assert.equal(isAddressWithin([parseCidr('0.0.0.0/0'), parseCidr('::/0')], ''), false)
})

test('a range lies in another when it is no wider', () => {
  assert.ok(containsRange(parseCidr('10.0.0.0/8'), parseCidr('10.1.0.0/16')))
  assert.ok(containsRange(parseCidr('10.0.0.0/8'), parseCidr('10.0.0.0/8')))
  assert.ok(!containsRange(parseCidr('10.1.0.0/16'), parseCidr('10.0.0.0/8')))
})

test('addresses are written in their usual form', () => {
  const forms = [
    ['2001:0DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['0:0:1:0:0:0:0:1', '0:0:1::1'],
    ['1:2:3:0:5:6:7:8', '1:2:3:0:5:6:7:8'],
    ['10:0:0:100:0:0:0:10', '10:0:0:100::10'],
    ['192.0.2.1', '192.0.2.1'],
  ] as const
  for (const [given, written] of forms) assert.equal(formatAddress(parseAddress(given)), written)
  assert.equal(formatCidr(parseCidr('192.0.2.1/32')), '192.0.2.1')
  assert.equal(formatCidr(parseCidr('192.0.2.7/24')), '192.0.2.7/24')
})

test('reading, writing and comparing agree with Node for all addresses', () => {
  const ip = oneof(ipV4(), ipV6())
  check(
    property(ip, ip, nat(128), (base, address, length) => {
      assert.equal(formatAddress(parseAddress(formatAddress(parseAddress(base)))), formatAddress(parseAddress(base)))
      const { family } = parseAddress(base)
      if (isIP(base) !== (family === 4 ? 4 : 6)) return
      const bits = family === 4 ? length % 33 : length
      const list = new BlockList()
      list.addSubnet(base, bits, family === 4 ? 'ipv4' : 'ipv6')
      const other = parseAddress(address)
      if (other.family !== family || isIP(address) !== family) return
      assert.equal(
        containsAddress(parseCidr(`${base}/${bits}`), other),
        list.check(address, family === 4 ? 'ipv4' : 'ipv6'),
        `${base}/${bits} ${address}`,
      )
    }),
    { seed: 7, numRuns: 3000 },
  )
  check(
    property(stringMatching(/^[0-9a-fx.:% /]{0,24}$/), (text) => {
      const zoneless = !text.includes('%')
      if (zoneless) assert.equal(findAddress(text) !== null, isIP(text) !== 0, text)
    }),
    { seed: 7, numRuns: 5000 },
  )
})
