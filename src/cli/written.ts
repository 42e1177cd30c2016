/** What verbs say after they have changed something. */
import type { Printer } from './output/printer.ts'
import { wrap } from './output/table.ts'
import type { WireSecret } from './secret.ts'

/** The answer to a write, or a line of success when there is none. */
export async function printWritten(print: Printer, path: string, secret: WireSecret | null): Promise<void> {
  if (secret === null) return print.remark(`Success! Data written to: ${path}`)
  if (secret.auth?.mfa_requirement) print.warn(`${wrap(mfaNotice)}\n`)
  await print.secret(secret)
}

export async function printDeleted(print: Printer, path: string, secret: WireSecret | null): Promise<void> {
  if (secret === null) return print.remark(`Success! Data deleted (if it existed) at: ${path}`)
  await print.secret(secret)
}

export const mfaNotice =
  'This login needs a second factor: confirm it with a request to sys/mfa/validate, giving the mfa_request_id that is shown below.'
