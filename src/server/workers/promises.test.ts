/**
 * What holds over all workers of a real server, tried often: what may happen N times does, what was revoked is refused, what was read and written has an order, and what was
 * asked is in the audit file. `promises.slow.test.ts` tries it far more often.
 */
import { test } from 'node:test'
import { counts } from '../../security/testing/counts.ts'
import { auditMany, playHistories, revokeMany, tryMany } from './testing/promises.ts'

const skip = process.platform === 'linux' ? false : 'needs /proc of Linux'

test('what may happen N times happens N times of a thousand tries at once', { skip }, (t) => tryMany(t, counts.onceRounds.fast))
test('what was revoked at one worker is refused by all from the acknowledgement on', { skip }, (t) => revokeMany(t, counts.revocations.fast))
test('reads, writes and check-and-sets amid kills have an order that explains their answers', { skip }, (t) => playHistories(t, counts.histories.fast, counts.historyLength.fast))
test('each request has its two lines in the audit file, also when its client has gone', { skip }, (t) => auditMany(t, counts.auditedRequests.fast))
