/** `npm run test:sim -- --seed N --steps M`: plays, and prints what came of it. */
import { parseArgs } from 'node:util'
import { simulate } from '../run.ts'

const { values } = parseArgs({ options: { seed: { type: 'string', default: String(Date.now() % 2 ** 32) }, steps: { type: 'string', default: '100000' } } })
const [seed, steps] = [Number(values.seed), Number(values.steps)]
const started = Date.now()
process.stdout.write(`seed ${seed}, ${steps} steps\n`)
try {
  let printedAt = started
  const report = await simulate(seed, steps, (now) => {
    if (Date.now() - printedAt < 10_000) return
    printedAt = Date.now()
    process.stdout.write(`${now.steps} steps\n`)
  })
  const seconds = (Date.now() - started) / 1000
  process.stdout.write(`${JSON.stringify(report)}\n${Math.round(report.steps / seconds)} steps per second; every answer was explained, every state sound\n`)
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
