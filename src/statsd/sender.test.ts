/** Sending to real sockets: what arrives, who is away, who is slow, and what is left open. Time passes when a test says so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePort } from '../server/testing/process.ts'
import type { Figure } from './lines.ts'
import { Sender, type Told } from './sender.ts'
import { findReceiver, nothingSent, type SendingSettings } from './settings.ts'
import { waitingBytesMax } from './tcp.ts'
import { hearTcp, hearUdp, until } from './testing/receivers.ts'

const at = (port: number, host = '127.0.0.1'): SendingSettings['statsd'] => findReceiver(`${host}:${port}`)
const gauge: Figure = { kind: 'gauge', name: 'g', labels: [], value: 5 }

interface Ground {
  readonly sender: Sender
  readonly log: string[]
  /** Adds to the counter `c`. */
  readonly count: (by: number) => void
  /** Ten seconds are over. */
  readonly pass: () => void
  /** Waiting for time to pass. */
  readonly waits: () => boolean
  fails: boolean
}

function ground(more: Partial<SendingSettings>, gauges: readonly Figure[] = [gauge]): Ground {
  let [counted, due] = [0, null as (() => void) | null]
  const log: string[] = []
  const read = async (): Promise<Told> => {
    if (made.fails) throw new Error('out of order')
    return { gauges, totals: new Map([['', [{ kind: 'counter', name: 'c', labels: [['k', 'v']], value: counted }]]]) }
  }
  const later = (milliseconds: number, work: () => void): (() => void) => {
    assert.equal(milliseconds, 10_000)
    due = work
    return () => (due = null)
  }
  const sender = new Sender({ read, later, log: (level, message) => log.push(`${level} ${message}`) }, { ...nothingSent, ...more })
  const pass = (): void => {
    const work = due
    due = null
    work?.()
  }
  const made: Ground = { sender, log, count: (by) => (counted += by), pass, waits: () => due !== null, fails: false }
  return made
}

/** One sending after the other. */
async function passed(one: Ground): Promise<void> {
  one.pass()
  await until(one.waits, 'the next sending is due')
}

test('each way gets every figure: gauges as they are, counters as what was added, and a last time at the end', async () => {
  const [statsd, statsite, dog] = [await hearUdp(), await hearTcp(), await hearUdp()]
  const one = ground({ statsd: at(statsd.port), statsite: at(statsite.port), dogstatsd: at(dog.port), tags: ['env:t'], prefix: 'p' })
  one.count(3)
  await passed(one)
  for (const way of [statsd, statsite]) assert.deepEqual(await way.next(/\|c$/), ['p.g:5|g', 'p.c.v:3|c'])
  assert.deepEqual(await dog.next(/c$|v$/), ['p.g:5|g|#env:t', 'p.c:3|c|#env:t,k:v'])
  await passed(one)
  for (const way of [statsd, statsite]) assert.deepEqual(await way.next(/\|g$/), ['p.g:5|g'], 'what was not added to is not sent')
  one.count(2)
  await one.sender.stop()
  for (const way of [statsd, statsite]) assert.deepEqual(await way.next(/\|c$/), ['p.g:5|g', 'p.c.v:2|c'])
  assert.deepEqual([one.waits(), one.log], [false, []])
  await Promise.all([statsd.close(), statsite.close(), dog.close()])
})

test('many figures go in several datagrams of whole lines', async () => {
  const statsd = await hearUdp()
  const many = Array.from({ length: 200 }, (_, n): Figure => ({ ...gauge, name: `figure.${n}` }))
  const one = ground({ statsd: at(statsd.port) }, many)
  await passed(one)
  await statsd.next(/figure\.199:/)
  assert.deepEqual(statsd.lines(), many.map(({ name }) => `vault.${name}:5|g`))
  assert.ok(statsd.pieces.length > 1 && statsd.pieces.every((piece) => piece.length <= 1432 && piece.endsWith('\n')))
  await one.sender.stop()
  await statsd.close()
})

test('a receiver of datagrams that is away is named once, and once more when it is back', async () => {
  const gone = await hearUdp(await freePort())
  await gone.close()
  const one = ground({ statsd: at(gone.port) })
  await passed(one)
  await until(() => one.log.length > 0, 'a line of the log')
  for (let n = 0; n < 3; n++) await passed(one)
  assert.deepEqual(one.log, ['warn statsd_address: figures cannot be sent, and are dropped: ECONNREFUSED'])
  const back = await hearUdp(gone.port)
  one.count(1)
  for (let n = 0; n < 3 && one.log.length === 1; n++) await passed(one)
  await back.next(/vault\.c\.v:1\|c/)
  assert.deepEqual(one.log.slice(1), ['info statsd_address: figures are sent again'])
  await one.sender.stop()
  await back.close()
})

test('a name that leads nowhere, and tags that are too long, are said and stop nothing else', async () => {
  const statsd = await hearUdp()
  const one = ground({ statsd: at(statsd.port), statsite: at(1, 'nowhere.invalid'), dogstatsd: at(statsd.port), tags: ['x'.repeat(1500)] })
  await passed(one)
  await statsd.next(/vault\.g:5\|g$/)
  await until(() => one.log.length === 2, 'both are told of')
  assert.deepEqual(one.log.map((line) => line.replace(/ENOTFOUND|EAI_AGAIN/, 'DNS')).sort(), [
    'warn dogstatsd_addr: figures cannot be sent, and are dropped: a line with its tags is longer than a datagram',
    'warn statsite_address: figures cannot be sent, and are dropped: DNS',
  ])
  await one.sender.stop()
  assert.ok(statsd.lines().every((line) => line.length < 100))
  await statsd.close()
})

test('a connection that broke is opened again by itself; figures of the time between are gone', async () => {
  const first = await hearTcp(await freePort())
  const one = ground({ statsite: at(first.port) })
  await passed(one)
  await first.next(/\|g/)
  await first.close()
  await until(() => one.log.length === 1, 'the end of the connection is seen')
  one.count(1)
  await passed(one)
  const second = await hearTcp(first.port)
  one.count(10)
  // The one that was refused may not be over yet.
  await until(() => (one.pass(), second.pieces.length > 0), 'the second one hears something')
  assert.ok(second.lines().every((line) => !line.startsWith('vault.c.v:11')))
  await until(() => (one.pass(), one.log.length === 2), 'it is said')
  assert.match(one.log.join('\n'), /^warn statsite_address: figures cannot be sent, and are dropped: .*\ninfo statsite_address: figures are sent again$/)
  await one.sender.stop()
  await second.close()
})

test('who does not read costs a bounded amount of memory, and holds nothing up', async () => {
  const deaf = await hearTcp(0, false)
  const many = Array.from({ length: 5_000 }, (_, n): Figure => ({ ...gauge, name: `${'long'.repeat(25)}.${n}` }))
  const one = ground({ statsite: at(deaf.port) }, many)
  // Buffers of the system take megabytes first.
  for (let n = 0; n < 200 && one.log.length === 0; n++) await passed(one)
  assert.deepEqual(one.log, ['warn statsite_address: figures cannot be sent, and are dropped: it does not read them'])
  assert.ok(many.length * 115 < waitingBytesMax, 'one sending fits')
  await one.sender.stop()
  await deaf.close()
})

test('other settings hold from the next sending on; what was counted before anybody wanted it is not sent', async () => {
  const [before, after] = [await hearUdp(), await hearUdp()]
  const one = ground({ statsd: at(before.port) })
  one.count(100)
  await one.sender.skip()
  one.count(1)
  await passed(one)
  await before.next(/vault\.c\.v:1\|c/)
  await one.sender.change({ ...nothingSent, statsd: at(after.port), prefix: 'new' })
  one.count(2)
  await passed(one)
  assert.deepEqual(await after.next(/\|c/), ['new.g:5|g', 'new.c.v:2|c'])
  assert.equal(before.lines().length, 2)
  await one.sender.change(nothingSent)
  await passed(one)
  await one.sender.stop()
  await Promise.all([before.close(), after.close()])
})

test('the name of a receiver of datagrams is resolved again after a while, a connection stays', async () => {
  const [statsd, statsite] = [await hearUdp(), await hearTcp()]
  const one = ground({ statsd: at(statsd.port, 'localhost'), statsite: at(statsite.port) })
  for (const [sendings, sockets] of [[30, 1], [30, 2], [1, 3]] as const) {
    for (let n = 0; n < sendings; n++) {
      await passed(one)
      await statsd.next(/\|g/)
    }
    assert.deepEqual([statsd.sources.size, statsite.sources.size], [sockets, 1])
  }
  await one.sender.stop()
  await Promise.all([statsd.close(), statsite.close()])
})

test('figures that cannot be read are said, and come the next time', async () => {
  const statsd = await hearUdp()
  const one = ground({ statsd: at(statsd.port) })
  one.fails = true
  await passed(one)
  assert.deepEqual(one.log, ['warn figures could not be read: out of order'])
  one.fails = false
  one.count(1)
  await passed(one)
  await statsd.next(/vault\.c\.v:1\|c/)
  await one.sender.stop()
  await statsd.close()
})

test('after the end nothing is open, also where nobody answers', async () => {
  const handles = (): number => process.getActiveResourcesInfo().filter((name) => /UDP|TCP|Timeout/.test(name)).length
  const before = handles()
  const [statsd, deaf] = [await hearUdp(), await hearTcp(0, false)]
  // An address for documentation (RFC 5737): nobody answers there.
  const silent = ground({ statsite: at(8125, '192.0.2.1') })
  const one = ground({ statsd: at(statsd.port), statsite: at(deaf.port) })
  await Promise.all([passed(one), passed(silent)])
  const begun = Date.now()
  await Promise.all([one.sender.stop(), silent.sender.stop()])
  assert.ok(Date.now() - begun < 5_000)
  await Promise.all([statsd.close(), deaf.close()])
  await until(() => handles() <= before, 'nothing is left')
})
