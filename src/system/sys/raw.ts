/** `sys/raw`: the records below everything, unsealed, for repairs. Off unless the configuration says otherwise. */
import { opaqueStore } from '../../core/base.ts'
import { ApiError, badRequest } from '../../kit/errors.ts'
import { defaulted, text } from '../../kit/fields.ts'
import { listed } from '../../kit/result.ts'
import { systemPath, type SystemCall } from '../call.ts'
import { listItem } from '../errors.ts'

/** Reading or writing these would be reading or writing the keys themselves. */
const forbidden = ['barrier/']

function checkPath({ core }: SystemCall, path: string): string {
  if (!core.settings.rawStorageEndpoint) throw new ApiError('unsupported_path', listItem('unsupported path'))
  if (forbidden.some((prefix) => path.startsWith(prefix))) throw badRequest(`cannot touch ${JSON.stringify(path)}`)
  return path
}

const encodings: Readonly<Record<string, BufferEncoding>> = { '': 'utf8', base64: 'base64' }

function encodingOf(given: string): BufferEncoding {
  const encoding = Object.hasOwn(encodings, given) ? encodings[given] : undefined
  if (encoding === undefined) throw badRequest(`invalid encoding ${JSON.stringify(given)}: expected nothing or base64`)
  return encoding
}

const raw = systemPath('raw/{path*}', { path: text('Key of the record.') })
const encoding = { encoding: defaulted(text('`base64`, or nothing for text.'), '') }

export const rawOperations = [
  raw.read({
    summary: 'Read a record.',
    access: 'sudo',
    input: encoding,
    async handle(call) {
      const entry = await opaqueStore(call.core).get(checkPath(call, call.params.path))
      return entry === null ? null : { value: Buffer.from(entry.value).toString(encodingOf(call.input.encoding)) }
    },
  }),
  raw.write({
    summary: 'Write a record.',
    access: 'sudo',
    input: { ...encoding, value: defaulted(text('What it holds from now on.'), '') },
    handle(call) {
      call.unit.on(opaqueStore(call.core)).put(checkPath(call, call.params.path), Buffer.from(call.input.value, encodingOf(call.input.encoding)))
      return null
    },
  }),
  raw.delete({
    summary: 'Delete a record.',
    access: 'sudo',
    handle(call) {
      call.unit.on(opaqueStore(call.core)).delete(checkPath(call, call.params.path))
      return null
    },
  }),
  systemPath('raw/{path*}', { path: defaulted(text('Folder of records.'), '') }).list({
    summary: 'List records.',
    access: 'sudo',
    async handle(call) {
      const folder = checkPath(call, call.params.path === '' ? '' : `${call.params.path.replace(/\/+$/, '')}/`)
      return listed(await opaqueStore(call.core).list(folder))
    },
  }),
]
