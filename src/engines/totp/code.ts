/** Codes: what a key shows now, and whether a code is one that may be accepted now. */
import { findTotpCounters, totp, totpCounter } from '../../crypto/otp.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, flag, nameTextWithAt, secret, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import type { Transaction } from '../../kit/store.ts'
import { keys, type TotpKey } from './records.ts'

const code = path('code/{name}', { name: nameTextWithAt('Name of the key.') })

async function resolveKey(store: Transaction, name: string): Promise<TotpKey> {
  const found = await keys.read(store, name)
  if (found === null) throw badRequest(`unknown key: ${name}`)
  return found
}

const secretOf = (key: TotpKey): Uint8Array => Buffer.from(key.secret, 'base64')

export const readCode = code.read({
  summary: 'Generate the current code of a key.',
  output: { code: text('The code.') },
  async handle({ params, store, now }) {
    const key = await resolveKey(store, params.name)
    return { code: totp(secretOf(key), now, key) }
  },
})

export const validateCode = code.write({
  summary: 'Validate a code of a key.',
  description: 'Each code is accepted once: a second time is refused, until it is none any more.',
  input: { code: defaulted(secret(text('The code, digits only.')), '') },
  output: { valid: flag('Whether it is a current code.') },
  async handle({ params, input, store, now }) {
    const key = await resolveKey(store, params.name)
    if (input.code === '') throw badRequest('the code value is required')
    // Nothing but digits: a code with a blank in it would be the same code a second time (CVE-2025-6014).
    if (input.code.length !== key.digits || !/^\d+$/.test(input.code)) throw badRequest('invalid number of digits for the code')
    const counters = findTotpCounters(secretOf(key), input.code, now, key)
    if (counters.length === 0) return { valid: false }
    if (counters.some((counter) => key.used.includes(counter))) throw badRequest('code already used; wait until the next time period')
    const oldest = totpCounter(now, key.period) - key.skew
    keys.write(store, { ...key, used: [...key.used.filter((counter) => counter >= oldest), ...counters] }, params.name)
    return { valid: true }
  },
})
