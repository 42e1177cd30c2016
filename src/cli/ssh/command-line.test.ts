import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../failure.ts'
import { parseSshLine } from './command-line.ts'

test('host, user and port are found wherever ssh takes them', () => {
  for (const [line, user, host, port] of [
    ['10.0.0.1', '', '10.0.0.1', ''], ['ann@10.0.0.1 uptime -p 3', 'ann', '10.0.0.1', ''], ['h -p 3 -l ann uptime -p 4', 'ann', 'h', '3'], ['-p 2 -- h', '', 'h', '2'], ['h -- -p 2', '', 'h', ''], ['-p 22 ann@h', 'ann', 'h', '22'], ['-p22 h', '', 'h', '22'],
    ['-vvp 22 -o User=bob h', 'bob', 'h', '22'], ['-l carl -oPort=23 -p 24 h', 'carl', 'h', '23'], ['-l carl dora@h', 'dora', 'h', ''],
    ['-o StrictHostKeyChecking=no -NL 8080:x:80 h', '', 'h', ''], ['-i key -J jump@gate h -p 1', '', 'h', '1'], ['ann@corp@h', 'ann@corp', 'h', ''],
    ['ssh://ann@h:2222 x', 'ann', 'h', '2222'], ['ssh://[::1]', '', '::1', ''], ['fe80::1%eth0', '', 'fe80::1%eth0', ''],
  ] as const) assert.deepEqual(parseSshLine(line.split(' ')), { host, user, port }, line)
})

test('a line without a host is refused', () => {
  for (const line of ['-p 22', '-v', '-l ann']) assert.throws(() => parseSshLine(line.split(' ')), Failure)
})
