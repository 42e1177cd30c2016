/** What every kind of audit device must do: one suite, run by all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { WriteFailure, type AuditDevice } from './device.ts'

export interface DeviceUnderTest {
  readonly device: AuditDevice
  /** Everything that arrived, in order; waits until `count` lines did. */
  readonly received: (count: number) => Promise<readonly string[]>
  /** Makes writing or opening fail, and makes it possible again. */
  readonly disable: () => Promise<void>
  readonly repair: () => Promise<void>
  readonly dispose: () => Promise<void>
  /** Bytes of the largest line that it takes. */
  readonly lineMax: number
  /** Null, or why failures cannot be noticed for certain. */
  readonly cannotFail?: string
}

/** `make` gives a fresh device each time. */
export function deviceContract(name: string, make: () => Promise<DeviceUnderTest>): void {
  const check = (what: string, work: (under: DeviceUnderTest) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const under = await make()
      try {
        await work(under)
      } finally {
        await under.device.close()
        await under.dispose()
      }
    })
  }
  checkDelivery(check)
  checkLifetime(check)
}

type Check = (what: string, work: (under: DeviceUnderTest) => Promise<void>) => void

function checkDelivery(check: Check): void {
  check('lines arrive whole and in order', async ({ device, received }) => {
    await device.open()
    const lines = Array.from({ length: 300 }, (_, i) => `{"time":"x","i":${i},"text":"${'ü€𝄞'.repeat(i % 7)}"}`)
    for (let i = 0; i < lines.length; i += 25) {
      await device.write(lines.slice(i, i + 25).map((line) => `${line}\n`))
      // Datagrams do not wait for their reader.
      await received(i + 25)
    }
    assert.deepEqual(await received(lines.length), lines)
  })

  check('a long line arrives whole', async ({ device, received, lineMax }) => {
    await device.open()
    const line = `{"time":"x","long":"${'x'.repeat(lineMax - 200)}"}`
    await device.write([`${line}\n`])
    const [arrived] = await received(1)
    assert.equal(arrived?.length, line.length)
  })

  check('a line that comes in pieces arrives as one, between the others', async ({ device, received, lineMax }) => {
    await device.open()
    const long = `{"time":"x","long":"${'ü'.repeat(lineMax / 4)}"}`
    const bytes = Buffer.from(`${long}\n`)
    const third = Math.floor(bytes.length / 3)
    await device.write(['{"time":"first"}\n', '{"time":"second"}\n', [bytes.subarray(0, third), Buffer.alloc(0), bytes.subarray(third)], '{"time":"third"}\n'])
    assert.deepEqual(await received(4), ['{"time":"first"}', '{"time":"second"}', long, '{"time":"third"}'])
  })

  check('a failure is an error of writing or opening, and the same device works again when its cause is gone', async (under) => {
    const { device, received, disable, repair, cannotFail } = under
    await device.open()
    await device.write(['{"time":"first"}\n'])
    await received(1)
    await disable()
    if (cannotFail === undefined) await assert.rejects(attempt(device, '{"time":"lost"}\n'))
    await repair()
    await eventually(() => attempt(device, '{"time":"second"}\n'))
    assert.equal((await received(2)).at(-1), '{"time":"second"}')
  })
}

/** As the lane does it: what is stale is closed, what is closed is opened. */
async function attempt(device: AuditDevice, line: string): Promise<void> {
  try {
    if ((await device.staleness(true)) !== null) await device.close()
    await device.open()
    await device.write([line])
    // A connection may take bytes before it learns that nobody is there.
    await pause(20)
    if ((await device.staleness(true)) === 'lost') throw new Error('lost')
  } catch (error) {
    await device.close()
    throw error
  }
}

async function eventually(work: () => Promise<void>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await work()
    } catch (error) {
      if (tries === 40) throw error
      await pause(50)
    }
  }
}

function checkLifetime(check: Check): void {
  check('writing without opening fails, and nothing is counted as written', async ({ device }) => {
    await assert.rejects(device.write(['{}\n']), (error) => error instanceof WriteFailure && error.whole === 0 && error.torn === null)
  })

  check('opening twice opens once, opening after closing opens anew', async ({ device }) => {
    const first = await device.open()
    assert.equal(await device.open(), first)
    await device.close()
    assert.notEqual(await device.open(), first)
  })

  check('closing twice, or without opening, does no harm', async ({ device }) => {
    await device.close()
    await device.open()
    await device.close()
    await device.close()
    assert.equal(await device.staleness(), null)
  })
}
