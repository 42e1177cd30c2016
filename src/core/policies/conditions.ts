/** What a rule asks for besides the capability: wrapping, fields, second factors, the size of a page, the kind of event. */
import { JsonNumber, type Json } from '../../kit/json.ts'
import type { MergedRule } from './compile.ts'
import { matchesGlob, refusalOf, type ParameterRefusal } from './parameters.ts'
import type { ConditionCode, Question } from './verdict.ts'

export interface Refusal {
  readonly code: ConditionCode
  readonly text: string
}

/** Null: nothing stands against it. `pageLimit`: allowed with this as the request's `limit`. */
export type Outcome = Refusal | { readonly pageLimit: number } | null

const withParameters: ReadonlySet<string> = new Set(['read', 'create', 'update', 'patch', 'recover'])
const textsOf: Readonly<Record<ParameterRefusal['code'], string>> = {
  parameter_missing: 'is required',
  parameter_denied: 'is denied',
  parameter_not_allowed: 'not allowed',
}

/** The capability itself is already granted. */
export function checkConditions(rule: MergedRule, question: Question): Outcome {
  const general = refuseMfa(rule, question) ?? refuseWrapping(rule, question)
  if (general !== null) return general
  const { capability } = question
  if (capability === 'list' || capability === 'scan') return checkPage(rule, question)
  if (capability === 'subscribe') return refuseEvent(rule, question)
  if (!withParameters.has(capability)) return null
  const refusal = refusalOf(rule.parameters, question.data)
  return refusal === null
    ? null
    : { code: refusal.code, text: `parameter ${JSON.stringify(refusal.name.slice(0, 64))} ${textsOf[refusal.code]}` }
}

function refuseMfa(rule: MergedRule, question: Question): Refusal | null {
  const missing = rule.mfaMethods.find((method) => question.mfaPassed?.includes(method) !== true)
  return missing === undefined ? null : { code: 'mfa_required', text: `second factor ${JSON.stringify(missing)} required` }
}

function refuseWrapping({ minWrapTtl, maxWrapTtl }: MergedRule, question: Question): Refusal | null {
  if (minWrapTtl === 0 && maxWrapTtl === 0) return null
  const ttl = question.wrapTtl ?? 0
  if (ttl <= 0) return { code: 'wrapping_required', text: 'wrapping required' }
  if (ttl < minWrapTtl) return { code: 'wrapping_too_short', text: `wrapping for less than ${minWrapTtl} seconds` }
  return maxWrapTtl > 0 && ttl > maxWrapTtl ? { code: 'wrapping_too_long', text: `wrapping for more than ${maxWrapTtl} seconds` } : null
}

function refuseEvent({ eventTypes }: MergedRule, { eventType }: Question): Refusal | null {
  if (eventTypes === null || eventTypes.some((type) => type === '*' || matchesGlob(type, eventType ?? ''))) return null
  return { code: 'event_type_not_allowed', text: 'this kind of event is not allowed' }
}

/** As OpenBao does it: `max` asks for all that is allowed, and where a page is limited, `0` must not mean everything. */
function checkPage({ pageLimit, parameters }: MergedRule, { data }: Question): Outcome {
  const given = data !== null && Object.hasOwn(data, 'limit') ? data['limit'] : undefined
  if (pageLimit === 0) return given === 'max' ? { pageLimit: 0 } : null
  if (given === undefined) {
    const isRequired = parameters.required.some((name) => name.toLowerCase() === 'limit')
    return isRequired ? { code: 'limit_required', text: 'parameter "limit" is required' } : { pageLimit }
  }
  const wanted = given === 'max' ? 0 : integerOf(given)
  if (wanted === null || wanted < 0) return { code: 'limit_invalid', text: 'parameter "limit" is not a number' }
  if (wanted > pageLimit) return { code: 'limit_exceeded', text: `parameter "limit" is above ${pageLimit}` }
  return wanted === 0 ? { pageLimit } : null
}

function integerOf(raw: Json): number | null {
  const text = raw instanceof JsonNumber ? raw.text : typeof raw === 'string' || typeof raw === 'number' ? String(raw) : ''
  return /^[+-]?[0-9]{1,15}$/.test(text) ? Number(text) : null
}
