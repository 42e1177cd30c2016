/** Makes passwords by the policies of `sys/policies/password`, for engines. */
import { badRequest } from '../kit/errors.ts'
import { namedStore, type Base } from './base.ts'
import { generatePassword, parsePasswordPolicy } from './policies/password-policy.ts'
import { passwordPolicyRecords } from './policies/table.ts'

/** Throws `bad_request` when there is no such policy. */
export async function makePassword(base: Base, policyName: string): Promise<string> {
  const record = await passwordPolicyRecords.read(namedStore(base), policyName)
  if (record === null) throw badRequest(`there is no password policy ${JSON.stringify(policyName)}`)
  return generatePassword(parsePasswordPolicy(record.text), base.host.random)
}
