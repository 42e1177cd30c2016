/** `sys/policies/acl`, its old form `sys/policy`, and `sys/policies/password`. */
import { namedStore, opaqueStore } from '../../core/base.ts'
import type { Core } from '../../core/core.ts'
import { bumpGeneration } from '../../core/generation.ts'
import { immutablePolicies } from '../../core/policies/builtin.ts'
import { parsePolicy } from '../../core/policies/parse.ts'
import { generatePassword, parsePasswordPolicy } from '../../core/policies/password-policy.ts'
import { passwordPolicyRecords, policyRecords } from '../../core/policies/table.ts'
import { ApiError, badRequest } from '../../kit/errors.ts'
import { defaulted, deprecated, lowerText, text, type Field } from '../../kit/fields.ts'
import { listed, reply, type Result } from '../../kit/result.ts'
import { formatTime } from '../../kit/time.ts'
import { systemPath, type SystemCall } from '../call.ts'
import { listItem } from '../errors.ts'

const name = { name: lowerText('Name of the policy; upper and lower case do not differ.') }
/** What a name is stored under. */
const foldName = (given: string): string => given.trim().toLowerCase()
/** For those who say what became of the name. */
const nameAsGiven: { readonly name: Field<string> } = { name: { ...text('Name of the policy.'), fold: foldName } }

/** Stored names, with `root` always last, as Vault lists it. */
async function namesOf(core: Core): Promise<string[]> {
  const names = (await namedStore(core).list('policies/acl/')).map(decodeURIComponent)
  return [...names.filter((n) => !immutablePolicies.has(n)), 'root'].sort()
}

async function show(call: SystemCall, policy: string, field: 'policy' | 'rules'): Promise<Record<string, unknown> | null> {
  if (policy === 'root') return { name: 'root', [field]: '', version: 0, cas_required: false }
  const record = await policyRecords.read(call.unit.on(namedStore(call.core)), policy)
  if (record === null) return null
  return { name: policy, [field]: record.text, version: record.version, cas_required: false, modified: formatTime(record.modifiedAt) }
}

/** A policy may come in base64, where quoting it is hard. */
function plainText(given: string): string {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(given) || given.length % 4 !== 0) return given
  return Buffer.from(given, 'base64').toString('utf8')
}

interface PolicyInput {
  readonly policy: string
  readonly rules: string
}

async function write(call: SystemCall & { readonly now: number; readonly warn: (text: string) => void }, policyName: string, given: string, input: PolicyInput): Promise<Result> {
  const { core, unit } = call
  const text = plainText(input.policy === '' ? input.rules : input.policy)
  if (input.policy === '' && input.rules !== '') call.warn("'rules' is deprecated, please use 'policy' instead")
  if (immutablePolicies.has(policyName)) throw badRequest(`cannot update ${JSON.stringify(policyName)} policy`)
  if (text === '') throw badRequest("'policy' parameter not supplied or empty")
  checkName(policyName)
  parsePolicy(policyName, text)
  if (given.trim() !== policyName) call.warn(`policy name was converted to ${policyName}`)
  const named = unit.on(namedStore(core))
  const before = await policyRecords.read(named, policyName)
  policyRecords.write(named, { name: policyName, text, modifiedAt: call.now, version: (before?.version ?? 0) + 1 }, policyName)
  bumpGeneration(unit.on(opaqueStore(core)))
  return null
}

/** Names are keys of caches and parts of paths: what could be taken for another name is refused. */
function checkName(policyName: string): void {
  if (policyName === '' || policyName.length > 512) throw badRequest('the name of a policy has between 1 and 512 characters')
  if (policyName.split('/').some((part) => part === '.' || part === '..' || part === '')) throw badRequest('the name of a policy has no empty parts, `.` or `..`')
}

function remove({ core, unit }: SystemCall, policyName: string): null {
  if (policyName === 'default') throw badRequest('cannot delete default policy')
  if (immutablePolicies.has(policyName)) throw badRequest(`cannot delete ${JSON.stringify(policyName)} policy`)
  policyRecords.remove(unit.on(namedStore(core)), policyName)
  bumpGeneration(unit.on(opaqueStore(core)))
  return null
}

const input = {
  policy: defaulted(text('The rules, in HCL or JSON, plain or in base64.'), ''),
  rules: defaulted(deprecated(text('Old name of policy.')), ''),
}

const acl = systemPath('policies/acl/{name*}', name)
const aclAsGiven = systemPath('policies/acl/{name*}', nameAsGiven)
const old = systemPath('policy/{name*}', name)
const oldAsGiven = systemPath('policy/{name*}', nameAsGiven)

const aclOperations = [
  systemPath('policies/acl').list({ summary: 'List the policies.', handle: async ({ core }) => listed(await namesOf(core)) }),
  acl.read({ summary: 'Show a policy.', handle: async (call) => await show(call, call.params.name, 'policy') }),
  aclAsGiven.write({ summary: 'Create or replace a policy.', input, handle: async (call) => await write(call, foldName(call.params.name), call.params.name, call.input) }),
  acl.delete({ summary: 'Delete a policy. Tokens that have it lose what it granted at once.', handle: (call) => remove(call, call.params.name) }),
]

const listOld = async ({ core }: SystemCall): Promise<Result> => {
  const names = await namesOf(core)
  return reply({ data: { keys: names, policies: names }, repeatedAtTop: true })
}

const oldOperations = [
  systemPath('policy').read({ summary: 'List the policies.', deprecated: 'sys/policies/acl', handle: listOld }),
  systemPath('policy').list({ summary: 'List the policies.', deprecated: 'sys/policies/acl', handle: listOld }),
  old.read({
    summary: 'Show a policy.',
    deprecated: 'sys/policies/acl',
    async handle(call) {
      const data = await show(call, call.params.name, 'rules')
      return data === null ? null : reply({ data, repeatedAtTop: true })
    },
  }),
  oldAsGiven.write({ summary: 'Create or replace a policy.', deprecated: 'sys/policies/acl', input, handle: async (call) => await write(call, foldName(call.params.name), call.params.name, call.input) }),
  old.delete({ summary: 'Delete a policy.', deprecated: 'sys/policies/acl', handle: (call) => remove(call, call.params.name) }),
]

const password = systemPath('policies/password/{name}', { name: text('Name of the password policy.') })

async function passwordPolicy(call: SystemCall, policyName: string): Promise<string> {
  const record = await passwordPolicyRecords.read(call.unit.on(namedStore(call.core)), policyName)
  if (record === null) throw new ApiError('not_found', listItem('policy does not exist'))
  return record.text
}

const passwordOperations = [
  systemPath('policies/password').list({
    summary: 'List the password policies.',
    handle: async ({ core }) => listed((await namedStore(core).list('policies/password/')).map(decodeURIComponent)),
  }),
  password.read({ summary: 'Show a password policy.', handle: async (call) => ({ policy: await passwordPolicy(call, call.params.name) }) }),
  password.write({
    summary: 'Create or replace a password policy.',
    input: { policy: defaulted(text('Length and rules, in HCL, plain or in base64.'), '') },
    async handle({ core, unit, params, input: { policy }, now, random }) {
      const written = plainText(policy)
      if (written === '') throw badRequest(listItem('missing policy'))
      const parsed = parsePasswordPolicy(written)
      generatePassword(parsed, random)
      const named = unit.on(namedStore(core))
      const before = await passwordPolicyRecords.read(named, params.name)
      passwordPolicyRecords.write(named, { name: params.name, text: written, modifiedAt: now, version: (before?.version ?? 0) + 1 }, params.name)
      return null
    },
  }),
  password.delete({
    summary: 'Delete a password policy.',
    handle({ core, unit, params }) {
      passwordPolicyRecords.remove(unit.on(namedStore(core)), params.name)
      return null
    },
  }),
  systemPath('policies/password/{name}/generate', { name: text('Name of the password policy.') }).read({
    summary: 'Generate a password by a policy.',
    handle: async (call) => ({ password: generatePassword(parsePasswordPolicy(await passwordPolicy(call, call.params.name)), call.random) }),
  }),
]

export const policyOperations = [...aclOperations, ...oldOperations, ...passwordOperations]
