/** What is stored at a path of a versioned engine now, for verbs that build on it. */
import type { ExactObject } from '../../../../client/src/exact-json.ts'
import type { Api } from '../../api.ts'
import { step } from '../../describe-failure.ts'
import { remoteError } from '../../failure.ts'
import { objectOf } from '../../secret.ts'

export interface Existing {
  readonly data: ExactObject | null
  readonly metadata: ExactObject
}

export interface ExistingData extends Existing {
  readonly data: ExactObject
}

/** Sent even when requests are only printed. Throws `Failure` (2) when there is nothing. `purpose` names the verb. */
export async function readExisting(api: Api, path: string, purpose: string, version?: number): Promise<Existing> {
  const query = version === undefined ? undefined : { version }
  const secret = await step(`Error doing pre-read at ${path}`, () => api.read(path, { query, preflight: true }))
  if (secret?.data == null) throw remoteError(`No value found at ${path}`)
  const metadata = objectOf(secret.data['metadata'])
  if (metadata === null) throw remoteError(`No metadata found at ${path}; ${purpose} only works on existing data`)
  return { data: objectOf(secret.data['data']), metadata }
}

/** Like `readExisting`, of a version that is not deleted. */
export async function readExistingData(api: Api, path: string, purpose: string, version?: number): Promise<ExistingData> {
  const { data, metadata } = await readExisting(api, path, purpose, version)
  if (data === null) throw remoteError(`No data found at ${path}; ${purpose} only works on existing data`)
  return { data, metadata }
}
