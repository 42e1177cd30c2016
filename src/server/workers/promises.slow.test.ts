/** As `promises.test.ts`, a hundred times as often: minutes each. */
import { test } from 'node:test'
import { counts } from '../../security/testing/counts.ts'
import { auditMany, playHistories, revokeMany, tryMany } from './testing/promises.ts'

const skip = process.platform === 'linux' ? false : 'needs /proc of Linux'

test('what may happen N times happens N times of a thousand tries at once', { skip }, (t) => tryMany(t, counts.onceRounds.slow))
test('what was revoked at one worker is refused by all from the acknowledgement on', { skip }, (t) => revokeMany(t, counts.revocations.slow))
test('reads, writes and check-and-sets amid kills have an order that explains their answers', { skip }, (t) => playHistories(t, counts.histories.slow, counts.historyLength.slow))
test('each request has its two lines in the audit file, also when its client has gone', { skip }, (t) => auditMany(t, counts.auditedRequests.slow))
