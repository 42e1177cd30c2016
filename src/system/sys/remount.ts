/** `sys/remount`: moving a mount. Nothing is copied, so a move is done when it is answered; its status can be asked for afterwards. */
import { namedStore } from '../../core/base.ts'
import { isFixed, moveMount } from '../../core/mounts/change.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, text } from '../../kit/fields.ts'
import { records } from '../../kit/records.ts'
import { reply } from '../../kit/result.ts'
import { systemPath } from '../call.ts'

interface Migration {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly status: 'in-progress' | 'success' | 'failure'
}
const migrations = records<Migration, [id: string]>((id) => `migrations/${id}`)

const withSlash = (path: string): string => `${path.replace(/\/+$/, '')}/`

function checkMove(from: string, to: string): void {
  if (isFixed(from)) throw badRequest(`cannot remount ${JSON.stringify(from)}`)
  const isAuth = from.startsWith('auth/')
  if (isAuth && !to.startsWith('auth/')) throw badRequest(`cannot remount auth mount to non-auth mount ${JSON.stringify(to)}`)
  const reserved = ['sys/', 'identity/', 'cubbyhole/', 'audit/', 'auth/token/', ...(isAuth ? [] : ['auth/'])]
  if (reserved.some((prefix) => to.startsWith(prefix))) throw badRequest(`cannot remount to destination ${to}`)
}

const remount = systemPath('remount').write({
  summary: 'Move a mount to another path. Its data stay, its leases are revoked.',
  access: 'sudo',
  input: { from: defaulted(text('Path that it has.'), ''), to: defaulted(text('Path that it gets.'), '') },
  async handle({ core, unit, input }) {
    if (input.from === '' || input.to === '') throw badRequest("both 'from' and 'to' path must be specified as a string")
    if (input.from.trim() !== input.from) throw badRequest("'from' path cannot contain trailing whitespace")
    if (input.to.trim() !== input.to) throw badRequest("'to' path cannot contain trailing whitespace")
    const [from, to] = [withSlash(input.from.replace(/^\/+/, '')), withSlash(input.to.replace(/^\/+/, ''))]
    checkMove(from, to)
    if ((await core.mounts.at(from)) === null) throw badRequest(`no matching mount at ${JSON.stringify(from)}`)
    if ((await core.mounts.at(to)) !== null) throw badRequest(`path already in use at ${JSON.stringify(to)}`)
    const id = core.host.uuid()
    await moveMount(core, unit, from, to)
    migrations.write(unit.on(namedStore(core)), { id, from, to, status: 'success' }, id)
    return reply({
      data: { migration_id: id },
      repeatedAtTop: true,
      warnings: ["Mount move has been queued. Progress will be reported in Coffer's server log, tagged with the returned migration_id"],
    })
  },
})

const status = systemPath('remount/status/{migration_id}', { migration_id: text('Id that the move was answered with.') }).read({
  summary: 'Show how a move went.',
  access: 'sudo',
  async handle({ core, params }) {
    const found = await migrations.read(namedStore(core), params.migration_id)
    if (found === null) return null
    return { migration_id: found.id, migration_info: { source_mount: found.from, target_mount: found.to, status: found.status } }
  },
})

export const remountOperations = [remount, status]
