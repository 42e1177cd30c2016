/** Kubernetes objects that are given as JSON or YAML: rules of roles, selectors of labels. */
import { parse } from 'yaml'
import { badRequest } from '../../kit/errors.ts'

type Plain = Readonly<Record<string, unknown>>

const textMax = 64 * 1024
const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)
const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((item) => typeof item === 'string')

/** YAML holds JSON. Throws an `Error`. */
function parseObject(text: string): Plain {
  if (text.length > textMax) throw new Error('too long')
  const value: unknown = parse(text, { maxAliasCount: 0 })
  if (!isPlain(value)) throw new Error('no object')
  return value
}

/** Throws `bad_request` with Vault's words. */
export function parseRules(text: string): readonly Plain[] {
  try {
    const { rules } = parseObject(text)
    if (!Array.isArray(rules) || !rules.every(isRule)) throw new Error('no rules')
    return rules
  } catch (cause) {
    throw badRequest("failed to parse 'generated_role_rules' as k8s.io/api/rbac/v1/Policy object", { cause })
  }
}

const isRule = (value: unknown): value is Plain => isPlain(value) && isTexts(value['verbs']) && Object.values(value).every(isTexts)

export interface Requirement {
  readonly key: string
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'
  readonly values: readonly string[]
}

/** Throws `bad_request` with Vault's words. */
export function parseSelector(text: string): readonly Requirement[] {
  try {
    const { matchLabels = {}, matchExpressions = [], ...rest } = parseObject(text)
    if (!isPlain(matchLabels) || !Array.isArray(matchExpressions) || Object.keys(rest).length > 0) throw new Error('no selector')
    const equal = Object.entries(matchLabels).map(([key, value]): Requirement => {
      if (typeof value !== 'string') throw new Error('no label')
      return { key, operator: 'In', values: [value] }
    })
    return [...equal, ...matchExpressions.map(requirement)]
  } catch (cause) {
    throw badRequest("failed to parse 'allowed_kubernetes_namespace_selector' as k8s.io/api/meta/v1/LabelSelector object", { cause })
  }
}

function requirement(value: unknown): Requirement {
  const { key, operator, values = [] } = isPlain(value) ? value : {}
  const known = (['In', 'NotIn', 'Exists', 'DoesNotExist'] as const).find((name) => name === operator)
  if (typeof key !== 'string' || known === undefined || !isTexts(values)) throw new Error('no requirement')
  if ((known === 'In' || known === 'NotIn') !== values.length > 0) throw new Error('values do not fit the operator')
  return { key, operator: known, values }
}

/** As Kubernetes has it: all must hold; `NotIn` holds as well where the label is missing. */
export const isSelected = (requirements: readonly Requirement[], labels: ReadonlyMap<string, string>): boolean => requirements.every(({ key, operator, values }) => {
  const value = labels.get(key)
  if (operator === 'Exists') return value !== undefined
  if (operator === 'DoesNotExist') return value === undefined
  return (value !== undefined && values.includes(value)) === (operator === 'In')
})
