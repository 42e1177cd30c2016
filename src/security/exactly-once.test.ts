/** What may happen once, or N times, happens exactly as often, however many try at the same time, at one process or at several. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryStore } from '../storage/memory.ts'
import { seededRandom } from '../storage/seeded.ts'
import { Conflict } from '../kit/errors.ts'
import type { Store } from '../kit/store.ts'
import { checkServer } from '../request/testing/checked-server.ts'
import { serveHarness, type ServeHarness, type Served } from '../request/testing/serve-harness.ts'
import { clientToken } from './testing/wire.ts'

const random = seededRandom(11)
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Commits wait a little, so that what was read before is often out of date. */
function slowStore(): Store {
  const inner = memoryStore()
  return {
    ...inner,
    async commit(expectations, writes) {
      if (random() < 0.5) await turn()
      return await inner.commit(expectations, writes)
    },
  }
}

/** Three processes over one store. */
async function withProcesses(work: (processes: readonly [ServeHarness, ServeHarness, ServeHarness]) => Promise<void>): Promise<void> {
  const store = slowStore()
  const first = await serveHarness({ store })
  const processes = [first, await first.sibling({ store }), await first.sibling({ store })] as const
  try {
    await first.ok('write', 'sys/mounts/kv', { data: { type: 'kv', options: { version: '2' } } })
    await first.ok('write', 'kv/data/a', { data: { data: { value: 'guarded value' } } })
    await first.ok('write', 'sys/policies/acl/kv', { data: { policy: 'path "kv/*" { policy = "write" }' } })
    await work(processes)
    await checkServer(first)
  } finally {
    for (const one of processes) await one.close()
  }
}

/** So many tries at once, spread over the processes. Resolves with the statuses and how often each came. */
async function race(
  processes: readonly ServeHarness[], count: number, attempt: (server: ServeHarness, n: number) => Promise<Served>
): Promise<Map<number, number>> {
  const answers = await Promise.all(Array.from({ length: count }, (_, n) => attempt(processes[n % processes.length] as ServeHarness, n)))
  const counts = new Map<number, number>()
  for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1)
  return counts
}

const tries = 1_000

for (const uses of [1, 2, 7, 100]) {
  test(`of ${tries} reads at once with a token for ${uses} uses, exactly ${uses} pass`, async () => {
    await withProcesses(async (processes) => {
      const [first] = processes
      const token = clientToken(await first.ok('write', 'auth/token/create', { data: { policies: ['kv'], num_uses: uses, ttl: '1h' } }))
      const counts = await race(processes, tries, (server) => server.request('read', 'kv/data/a', { token }))
      assert.deepEqual(Object.fromEntries(counts), { 200: uses, 403: tries - uses })
      assert.equal((await first.request('read', 'auth/token/lookup-self', { token })).status, 403)
    })
  })

  test(`of ${tries} writes at once with a token for ${uses} uses, exactly ${uses} are done`, async () => {
    await withProcesses(async (processes) => {
      const [first] = processes
      const token = clientToken(await first.ok('write', 'auth/token/create', { data: { policies: ['kv'], num_uses: uses, ttl: '1h' } }))
      const counts = await race(
        processes, tries, (server, n) => server.request('write', `kv/data/own/${n}`, { token, data: { data: { value: '1' } } })
      )
      assert.deepEqual(Object.fromEntries(counts), { 200: uses, 403: tries - uses })
      assert.equal((await first.ok('list', 'kv/metadata/own')).keys.length, uses)
    })
  })
}

test(`of ${tries} that unwrap one token at once, one gets the answer`, async () => {
  await withProcesses(async (processes) => {
    const wrap = async (): Promise<string> => String((await processes[0].ok(
      'read', 'kv/data/a', { headers: { 'x-vault-wrap-ttl': '1h' } }
    )).wrapInfo?.['token'])
    const one = await wrap()
    const ways: ((server: ServeHarness) => Promise<Served>)[] = [
      (server) => server.request('write', 'sys/wrapping/unwrap', { data: { token: one } }),
      (server) => server.request('write', 'sys/wrapping/unwrap', { token: one }),
      (server) => server.request('read', 'cubbyhole/response', { token: one }),
    ]
    const answers: string[] = []
    await race(processes, tries, async (server, n) => {
      const answer = await (ways[n % 3] as (typeof ways)[number])(server)
      if (answer.text.includes('guarded value')) answers.push(answer.text)
      return answer
    })
    assert.equal(answers.length, 1)
  })
})

test(`of ${tries} that rewrap one token at once, one gets a new one, which unwraps`, async () => {
  await withProcesses(async (processes) => {
    const [first] = processes
    const one = String((await first.ok('read', 'kv/data/a', { headers: { 'x-vault-wrap-ttl': '1h' } })).wrapInfo?.['token'])
    const made: string[] = []
    await race(processes, tries, async (server) => {
      const answer = await server.request('write', 'sys/wrapping/rewrap', { data: { token: one } })
      if (answer.wrapInfo !== null) made.push(String(answer.wrapInfo['token']))
      return answer
    })
    assert.equal(made.length, 1)
    assert.match((await first.ok('write', 'sys/wrapping/unwrap', { data: { token: made[0] ?? '' } })).text, /guarded value/)
  })
})

test(`of ${tries} writes at once with the same cas, one is done`, async () => {
  await withProcesses(async (processes) => {
    for (const cas of [1, 2, 3]) {
      const counts = await race(
        processes, tries, (server, n) => server.request('write', 'kv/data/a', { data: { options: { cas }, data: { n } } })
      )
      assert.deepEqual(Object.fromEntries(counts), { 200: 1, 400: tries - 1 })
    }
    const counts = await race(
      processes, tries, (server, n) => server.request('write', 'kv/data/new', { data: { options: { cas: 0 }, data: { n } } })
    )
    assert.deepEqual(Object.fromEntries(counts), { 200: 1, 400: tries - 1 })
  })
})

test('of 200 writes at once without cas all are done, each as a version of its own', async () => {
  await withProcesses(async (processes) => {
    await processes[0].ok('write', 'kv/config', { data: { max_versions: 1_000 } })
    const counts = await race(processes, 200, (server, n) => server.request('write', 'kv/data/many', { data: { data: { n } } }))
    const { data } = await processes[0].ok('read', 'kv/metadata/many')
    assert.equal(data?.['current_version'], counts.get(200), JSON.stringify([...counts]))
    assert.deepEqual(Object.fromEntries(counts), { 200: 200 })
  })
})

test('of 300 logins at once with a secret id for 10 uses, 10 pass', async () => {
  await withProcesses(async (processes) => {
    const [first] = processes
    await first.ok('write', 'sys/auth/approle', { data: { type: 'approle', config: { user_lockout_config: { lockout_disable: true } } } })
    await first.ok('write', 'auth/approle/role/app', { data: { role_id: 'role', secret_id_num_uses: 10 } })
    const secretId = String((await first.ok('write', 'auth/approle/role/app/secret-id')).data?.['secret_id'])
    const counts = await race(
      processes, 300,
      (server) => server.request('write', 'auth/approle/login', { token: null, data: { role_id: 'role', secret_id: secretId } })
    )
    assert.deepEqual(Object.fromEntries(counts), { 200: 10, 400: 290 })
  })
})

test('of 100 that make the same mount, the same token or the same first login at once, one makes it', async () => {
  await withProcesses(async (processes) => {
    const [first] = processes
    const mounts = await race(processes, 100, (server) => server.request('write', 'sys/mounts/same', { data: { type: 'kv' } }))
    assert.equal((mounts.get(204) ?? 0) + (mounts.get(200) ?? 0), 1, JSON.stringify([...mounts]))
    const tokens = await race(processes, 100, (server) => server.request('write', 'auth/token/create', { data: { id: 'chosen' } }))
    assert.equal(tokens.get(200), 1, JSON.stringify([...tokens]))
    await first.ok('write', 'sys/auth/approle', { data: { type: 'approle' } })
    await first.ok(
      'write', 'auth/approle/role/app', { data: { role_id: 'role', bind_secret_id: false, secret_id_bound_cidrs: '127.0.0.0/8' } }
    )
    const logins = await race(
      processes, 100, (server) => server.request('write', 'auth/approle/login', { token: null, data: { role_id: 'role' } })
    )
    assert.deepEqual(Object.fromEntries(logins), { 200: 100 })
    assert.equal((await first.ok('list', 'identity/entity/id')).keys.length, 1)
  })
})

test('a use whose commit meets a conflict is a refusal that may be tried again, and is not spent', async () => {
  const inner = memoryStore()
  let conflicts = 0
  const store: Store = {
    ...inner,
    async commit(expectations, writes) {
      if (conflicts-- > 0) throw new Conflict('some key')
      return await inner.commit(expectations, writes)
    },
  }
  const server = await serveHarness({ store })
  const token = clientToken(await server.ok('write', 'auth/token/create', { data: { policies: ['root'], ttl: '1h', num_uses: 5 } }))
  conflicts = Infinity
  const refused = await server.request('read', 'auth/token/lookup-self', { token })
  conflicts = 0
  assert.equal(refused.status, 503, refused.text)
  assert.match(refused.errors.join(), /try again/)
  assert.equal((await server.ok('read', 'auth/token/lookup-self', { token })).data?.['num_uses'], 4)
  await server.close()
})
