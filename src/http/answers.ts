/** What a failure looks like on the wire: a status and `{"errors": [...]}`. */
import { ApiError } from '../kit/errors.ts'
import { encodeJson, type Json } from '../kit/json.ts'
import { retrySoon } from '../request/answer.ts'
import type { WireResponse } from '../request/wire.ts'

/** An error answer. `fields` stand beside `errors` in the body. */
export function errorsAnswer(status: number, errors: readonly string[], fields: Readonly<Record<string, unknown>> = {}): WireResponse {
  return { status, body: encodeJson({ errors: [...errors], ...fields } as Json) }
}

/** The answer to anything thrown. An `ApiError` without a text has no errors in its list; anything else is a 500 that says nothing. */
export function errorAnswer(error: unknown): WireResponse {
  if (!(error instanceof ApiError)) return errorsAnswer(500, ['internal error'])
  const answer = errorsAnswer(error.status, error.message === '' ? [] : [error.message], error.data)
  return error.code === 'overloaded' ? { ...answer, headers: [retrySoon] } : answer
}

/** The list form in which Vault's core reports refusals, down to its blank lines: clients match on it. */
export function listForm(messages: readonly string[]): string {
  const items = messages.map((message) => `\t* ${message}\n`).join('')
  return `${messages.length} error${messages.length === 1 ? '' : 's'} occurred:\n${items}\n`
}
