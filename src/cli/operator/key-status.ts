/** What the server says of the key that it seals new data with. */
import { exactObject, type ExactObject } from '../../../client/src/exact-json.ts'
import type { Api } from '../api.ts'
import { step } from '../describe-failure.ts'
import { formatColumns } from '../output/table.ts'
import { formatValue } from '../output/value.ts'
import { textOf } from '../secret.ts'

export interface KeyStatus {
  readonly term: unknown
  readonly install_time: unknown
  readonly encryptions: unknown
}

export async function readKeyStatus(api: Api): Promise<KeyStatus> {
  const data = (await step('Error reading key status', () => api.read('sys/key-status')))?.data ?? exactObject()
  return { term: data['term'], install_time: data['install_time'], encryptions: data['encryptions'] }
}

export const keyStatusText = (status: KeyStatus): string =>
  formatColumns([
    ['Key Term', formatValue(status.term)],
    ['Install Time', shortTime(textOf(status.install_time as ExactObject[string]))],
    ['Encryption Count', formatValue(status.encryptions)],
  ])

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** RFC 822, in UTC, to the minute. */
function shortTime(text: string): string {
  const match = /^(\d\d)(\d\d)-(\d\d)-(\d\d)T(\d\d:\d\d)/.exec(text)
  return match === null ? text : `${match[4]} ${months[Number(match[3]) - 1]} ${match[2]} ${match[5]} UTC`
}
