/** A server with an `ldap` engine, over a real directory, for tests. */
import { after, before } from 'node:test'
import { startSlapd, type Slapd } from '../../engines/ldap/testing/slapd.ts'
import { withServer } from './checked-server.ts'
import { passFor } from './pass.ts'
import type { ServeHarness } from './serve-harness.ts'

type Given = Readonly<Record<string, string | number | boolean | readonly string[]>>

export interface MountedDirectory {
  readonly server: ServeHarness
  readonly slapd: Slapd
  readonly connect: (fields?: Given) => Promise<void>
  readonly write: (path: string, data?: Given, token?: string) => ReturnType<ServeHarness['request']>
  readonly read: (path: string) => Promise<Readonly<Record<string, unknown>>>
  /** Lets the chores run as often as a server would within so many seconds. */
  readonly pass: (seconds: number) => Promise<void>
}

/** One directory for all tests of a file; each begins with no accounts in it. */
export function withSlapd(): (work: (mounted: MountedDirectory) => Promise<void>) => (t: { skip: (why: string) => void }) => Promise<void> {
  let directory: Slapd | null = null
  before(async () => {
    directory = await startSlapd()
  })
  after(async () => await directory?.stop())
  return (work) => async (t) => {
    if (directory === null) return t.skip('slapd and ldap-utils are not installed')
    await withMount(directory, work)
  }
}

async function withMount(slapd: Slapd, work: (mounted: MountedDirectory) => Promise<void>): Promise<void> {
  for (const dn of slapd.find('(objectClass=person)')) slapd.modify(`dn: ${dn}\nchangetype: delete\n`)
  slapd.resetAdmin()
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/ldap', { data: { type: 'ldap' } })
    await work({
      server, slapd,
      connect: async (fields = {}) => void (await server.ok('write', 'ldap/config', { data: { url: slapd.url, ...slapd.admin, userdn: 'ou=users,dc=example,dc=com', connection_timeout: 5, request_timeout: 5, ...fields } })),
      write: (path, data = {}, token) => server.request('write', `ldap/${path}`, { data, ...(token === undefined ? {} : { token }) }),
      read: async (path) => (await server.ok('read', `ldap/${path}`)).data ?? {},
      pass: passFor(server),
    })
  }, { secrets: [slapd.admin.bindpass] })
}
