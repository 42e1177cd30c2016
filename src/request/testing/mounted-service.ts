/** A server with a `service-keys` engine, over a real service, for tests. */
import type { JsonObject } from '../../kit/json.ts'
import { startKeyService, type KeyService } from '../../engines/service-keys/testing/key-service.ts'
import { withServer } from './checked-server.ts'
import { passFor } from './pass.ts'
import type { ServeHarness } from './serve-harness.ts'

/** Keys that the service makes, which are given a right before they are of use, and deleted by their ids. */
export const keyRecipe: JsonObject = {
  recover: [{ method: 'DELETE', path: '/keys', query: { label: '{{rotation_id}}' }, headers: { authorization: 'Bearer {{secret.admin}}' } }],
  create: [{ method: 'POST', path: '/users/{{param.user}}/keys', headers: { authorization: 'Bearer {{secret.admin}}' }, json: { label: '{{rotation_id}}' }, keep: { id: '/key/id', secret: '/key/secret' } }],
  set: [{ method: 'PUT', path: '/keys/{{pending.id}}/rights', headers: { authorization: 'Bearer {{secret.admin}}' } }],
  test: [{ method: 'GET', path: '/whoami', headers: { 'x-key-id': '{{tested.id}}', 'x-key-secret': '{{tested.secret}}' } }],
  finish: [{ method: 'DELETE', path: '/keys/{{previous.id}}', headers: { authorization: 'Bearer {{secret.admin}}' }, expect: [204, 404] }],
  undo: [{ method: 'DELETE', path: '/keys/{{pending.id}}', headers: { authorization: 'Bearer {{secret.admin}}' }, expect: [204, 404] }],
}

/** A password that is made here, set by whoever administers the service, and tried by a login. */
export const passwordRecipe: JsonObject = {
  generate: { name: 'password', length: 32 },
  set: [{ method: 'PUT', path: '/users/{{param.user}}/password', headers: { authorization: 'Bearer {{secret.admin}}' }, json: { password: '{{pending.password}}' } }],
  test: [{ method: 'GET', path: '/login', basic: { username: '{{param.user}}', password: '{{tested.password}}' } }],
}

export interface MountedService {
  readonly server: ServeHarness
  readonly service: KeyService
  readonly configure: (fields?: JsonObject) => ReturnType<ServeHarness['request']>
  readonly write: (path: string, data?: JsonObject) => ReturnType<ServeHarness['request']>
  readonly read: (path: string) => Promise<Readonly<Record<string, unknown>>>
  readonly credential: (name: string) => Promise<Readonly<Record<string, string>>>
  /** Lets the chores run as often as a server would within so many seconds. */
  readonly pass: (seconds: number) => Promise<void>
}

interface Setting {
  readonly recipe?: JsonObject
  readonly tls?: Parameters<typeof startKeyService>[0]
  readonly functionOf?: Parameters<typeof startKeyService>[1]
}

/** Each test has a service and a server of its own. The service `shop` is configured with the recipe. */
export const onService = (work: (mounted: MountedService) => Promise<void>, { recipe = keyRecipe, tls, functionOf }: Setting = {}) => async (): Promise<void> => {
  const service = await startKeyService(tls, functionOf)
  try {
    await withServer(async (server) => {
      const mounted = mountedOn(server, service, recipe)
      await server.ok('write', 'sys/mounts/svc', { data: { type: 'service-keys' } })
      if (tls === undefined) await mounted.configure()
      await work(mounted)
    }, { secrets: [service.admin] })
  } finally {
    await service.stop()
  }
}

function mountedOn(server: ServeHarness, service: KeyService, recipe: JsonObject): MountedService {
  const read = async (path: string): Promise<Readonly<Record<string, unknown>>> => (await server.ok('read', `svc/${path}`)).data ?? {}
  return {
    server, service, read,
    configure: (fields = {}) => server.request('write', 'svc/services/shop', { data: { url: service.url, secrets: { admin: service.admin }, timeout: 2, recipe, ...fields } }),
    write: (path, data = {}) => server.request('write', `svc/${path}`, { data }),
    credential: async (name) => (await read(`creds/${name}`))['credential'] as Readonly<Record<string, string>>,
    pass: passFor(server),
  }
}
