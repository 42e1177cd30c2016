/** `rotate-root/` and `rotate-role/`. */
import { badRequest } from '../../kit/errors.ts'
import { nameText } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { rotating } from '../../kit/rotation/rotator.ts'
import { resolveConnection } from './connections.ts'
import type { Pools } from './pools.ts'
import { keeperOf } from './rotation.ts'
import { readSubject } from './subject.ts'

export function rotateOperations(pools: Pools) {
  const root = path('rotate-root/{name}', { name: nameText('Name of the connection.') }).write({
    summary: 'Give the administrator of a connection another password, which nobody is shown.',
    async handle(call) {
      const { params: { name }, store } = call
      await resolveConnection(store, name)
      const subject = await readSubject(store, { kind: 'root', name })
      if (subject === null || subject.username === '') throw badRequest('unable to rotate root credentials: no username in configuration')
      if ((subject.secret.password ?? '') === '') throw badRequest('unable to rotate root credentials: no password in configuration')
      return await rotating(keeperOf(pools), call, subject)
    },
  })
  const role = path('rotate-role/{name}', { name: nameText('Name of the static role.') }).write({
    summary: 'Give the account of a static role another password.',
    async handle(call) {
      const subject = await readSubject(call.store, { kind: 'static', name: call.params.name })
      if (subject === null) throw badRequest('no static role found for role name')
      return await rotating(keeperOf(pools), call, subject)
    },
  })
  return [root, role]
}
