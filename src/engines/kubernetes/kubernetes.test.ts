/** Tokens of service accounts, through the whole server, against a small API server. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../../kit/json.ts'
import { withServer } from '../../request/testing/checked-server.ts'
import type { ServeHarness } from '../../request/testing/serve-harness.ts'
import { isSelected, parseRules, parseSelector } from './objects.ts'
import { startApiServer, type ApiServer } from './testing/api-server.ts'

const accounts = '/api/v1/namespaces/default/serviceaccounts'
const rbac = '/apis/rbac.authorization.k8s.io/v1'

const onCluster = (work: (server: ServeHarness, cluster: ApiServer) => Promise<void>) => async (): Promise<void> => {
  const cluster = await startApiServer()
  try {
    await withServer(async (server) => {
      await server.ok('write', 'sys/mounts/k8s', { data: { type: 'kubernetes' } })
      await server.ok('write', 'k8s/config', { data: { kubernetes_host: cluster.url, service_account_jwt: cluster.jwt } })
      await work(server, cluster)
    }, { secrets: [cluster.jwt] })
  } finally {
    await cluster.stop()
  }
}

const role = (server: ServeHarness, data: JsonObject) => server.ok('write', 'k8s/roles/app', { data: { allowed_kubernetes_namespaces: 'default', token_default_ttl: '15m', token_max_ttl: '1h', ...data } })
const revoke = (server: ServeHarness, lease: unknown) => server.ok('write', 'sys/leases/revoke', { data: { lease_id: String(lease), sync: true } })
const leaseless = async (server: ServeHarness): Promise<void> => assert.equal((await server.request('list', 'sys/leases/lookup/k8s/creds/app')).status, 404)

describe('a token', () => {
  test('is made for an account that is there, which stays', onCluster(async (server, cluster) => {
    cluster.put(`${accounts}/sa`, {})
    await role(server, { service_account_name: 'sa' })
    const { data, body } = await server.ok('write', 'k8s/creds/app', { data: { audiences: 'x' } })
    assert.deepEqual([data?.['service_account_name'], data?.['service_account_namespace'], body?.['lease_duration'], body?.['renewable']], ['sa', 'default', 900, false])
    assert.equal(cluster.accountOf(String(data?.['service_account_token'])), `${accounts}/sa`)
    await revoke(server, body?.['lease_id'])
    assert.deepEqual(cluster.paths(), [`${accounts}/sa`])
    assert.equal((await server.ok('read', 'k8s/check')).status, 204)
  }))

  test('of a new account that is bound to a role is worth nothing after its lease, and nothing of it is left', onCluster(async (server, cluster) => {
    await role(server, { kubernetes_role_name: 'view', kubernetes_role_type: 'clusterrole', extra_labels: { a: 'b' } })
    const { data, body } = await server.ok('write', 'k8s/creds/app', { data: { cluster_role_binding: true, ttl: '20m' } })
    const name = String(data?.['service_account_name'])
    assert.match(name, /^v-root-app-\d+-[a-z0-9]{24}$/)
    assert.deepEqual(cluster.paths(), [`${accounts}/${name}`, `${rbac}/clusterrolebindings/${name}`])
    const binding = cluster.object(`${rbac}/clusterrolebindings/${name}`)
    assert.deepEqual([binding?.['subjects'], binding?.['roleRef']], [[{ kind: 'ServiceAccount', name, namespace: 'default' }], { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' }])
    assert.equal(body?.['lease_duration'], 1200)
    await revoke(server, body?.['lease_id'])
    assert.deepEqual([cluster.paths(), cluster.accountOf(String(data?.['service_account_token']))], [[], null])
  }))

  test('of a new role has the rules of that role', onCluster(async (server, cluster) => {
    await role(server, { generated_role_rules: 'rules:\n- apiGroups: [""]\n  resources: [pods]\n  verbs: [list]\n' })
    const { data, body } = await server.ok('write', 'k8s/creds/app')
    const name = String(data?.['service_account_name'])
    assert.deepEqual(cluster.object(`${rbac}/namespaces/default/roles/${name}`)?.['rules'], [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }])
    await revoke(server, body?.['lease_id'])
    assert.deepEqual(cluster.paths(), [])
  }))

  test('that is refused at any step leaves nothing behind, and has no lease', onCluster(async (server, cluster) => {
    await role(server, { generated_role_rules: '{"rules":[{"verbs":["get"]}]}' })
    for (const refused of ['/roles', '/rolebindings', '/serviceaccounts']) {
      cluster.refusedPath = refused
      const answer = await server.request('write', 'k8s/creds/app')
      assert.deepEqual([answer.status, cluster.paths()], [400, []])
      assert.match(answer.errors[0] ?? '', /cannot create resource/)
    }
    cluster.refusedPath = ''
    const short = await server.request('write', 'k8s/creds/app', { data: { ttl: '1m' } })
    assert.deepEqual([short.status, cluster.paths()], [400, []])
    assert.match(short.errors[0] ?? '', /less than 10 minutes$/)
    await leaseless(server)
  }))

  test('is only for namespaces that the role names, or whose labels it names', onCluster(async (server, cluster) => {
    for (const namespace of ['default', 'prod']) cluster.put(`/api/v1/namespaces/${namespace}/serviceaccounts/sa`, {})
    await role(server, { allowed_kubernetes_namespaces: '', allowed_kubernetes_namespace_selector: '{"matchLabels":{"team":"a"}}', service_account_name: 'sa' })
    await revoke(server, (await server.ok('write', 'k8s/creds/app', { data: { kubernetes_namespace: 'default' } })).body?.['lease_id'])
    for (const namespace of ['prod', '../default', 'default/x', '']) assert.equal((await server.request('write', 'k8s/creds/app', { data: { kubernetes_namespace: namespace } })).status, 400)
    await leaseless(server)
  }))

  test('cannot be had with a wrong token of ours, which nobody is told', onCluster(async (server) => {
    await role(server, { kubernetes_role_name: 'view' })
    await server.ok('write', 'k8s/config', { data: { service_account_jwt: 'wrong-token' } })
    const answer = await server.request('write', 'k8s/creds/app')
    assert.deepEqual([answer.status, answer.errors], [400, ['failed to create the role binding: Unauthorized']])
    assert.ok(!(await server.ok('read', 'k8s/config')).text.includes('wrong-token'))
    assert.equal((await server.request('read', 'k8s/check')).status, 400)
    // The cluster has made nothing, so nothing waits for the right token.
    await leaseless(server)
  }))

  test('whose lease ends while our own token is wrong stays on record with the reason, and goes when the right one is there', onCluster(async (server, cluster) => {
    await role(server, { kubernetes_role_name: 'view' })
    const { body } = await server.ok('write', 'k8s/creds/app')
    await server.ok('write', 'k8s/config', { data: { service_account_jwt: 'wrong-token' } })
    server.clock.advance(901)
    await server.sweep()
    const { data } = await server.ok('write', 'sys/leases/lookup', { data: { lease_id: String(body?.['lease_id']) } })
    assert.deepEqual([data?.['revoke_error'], cluster.paths().length], ['failed to delete the service account: Unauthorized', 2])
    await server.ok('write', 'k8s/config', { data: { service_account_jwt: cluster.jwt } })
    server.clock.advance(60)
    await server.sweep()
    assert.deepEqual(cluster.paths(), [])
    await leaseless(server)
  }))
})

test('a role needs names that differ each time', onCluster(async (server) => {
  const { errors } = await server.request('write', 'k8s/roles/app', { data: { allowed_kubernetes_namespaces: '*', kubernetes_role_name: 'view', name_template: 'admin' } })
  assert.deepEqual(errors, ['name_template must give another name each time, as with {{random 20}}'])
}))

test('selectors hold as those of Kubernetes do, and what is none is refused', () => {
  const holds = (text: string, labels: Readonly<Record<string, string>>): boolean => isSelected(parseSelector(text), new Map(Object.entries(labels)))
  assert.equal(holds('matchLabels: {a: b}', { a: 'b' }), true)
  assert.equal(holds('matchLabels: {a: b}', {}), false)
  const expression = (operator: string, values = '') => `matchExpressions: [{key: a, operator: ${operator}${values}}]`
  assert.deepEqual([{}, { a: 'x' }, { a: 'y' }].map((labels) => holds(expression('NotIn', ', values: [x]'), labels)), [true, false, true])
  assert.deepEqual([{}, { a: 'x' }].map((labels) => [holds(expression('Exists'), labels), holds(expression('DoesNotExist'), labels)]), [[false, true], [true, false]])
  for (const text of ['hello', '[]', 'matchLabels: {a: 1}', 'other: x', expression('Like'), expression('In')]) assert.throws(() => parseSelector(text), /^ApiError: failed to parse/)
  for (const text of ['hello', '{}', '{"rules":[{"verbs":"get"}]}', '{"rules":[{}]}']) assert.throws(() => parseRules(text), /^ApiError: failed to parse/)
})
