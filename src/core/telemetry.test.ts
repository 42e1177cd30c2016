/** Figures: right sums, and labels out of a list that no client can add to. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withServer } from '../request/testing/checked-server.ts'
import type { WireVerb } from '../request/wire.ts'
import { addFigures, metricsJson, prometheusText, Telemetry, type Underway } from './telemetry.ts'

/** Name and labels to value. */
const samples = (text: string): Map<string, number> =>
  new Map(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]))

const request = { startedAt: 0, clientAddress: '10.0.0.1', path: 'a', method: 'GET' }

/** A request that began and ended. */
const passed = (telemetry: Telemetry, kind: string, verb: string, status: number, seconds: number): void => telemetry.end(telemetry.begin('id', request), kind, verb, status, seconds)

test('requests are counted by kind, verb and class of status, with their times in cumulative buckets', () => {
  const telemetry = new Telemetry()
  for (const seconds of [0.0004, 0.003, 0.003, 99]) passed(telemetry, 'secret', 'read', 200, seconds)
  passed(telemetry, 'secret', 'read', 404, 0.1)
  passed(telemetry, 'auth', 'write', 204, -5)
  const found = samples(prometheusText(telemetry.figures({})))
  const name = (part: string, le: string, status = '2xx'): string => `coffer_request_duration_seconds_${part}{mount_type="secret",operation="read",status="${status}"${le === '' ? '' : `,le="${le}"`}}`
  assert.deepEqual(['0.0005', '0.001', '0.005', '10', '+Inf'].map((le) => found.get(name('bucket', le))), [1, 1, 3, 3, 4])
  assert.deepEqual([found.get(name('count', '')), found.get(name('sum', ''))], [4, 0.0004 + 0.003 + 0.003 + 99])
  assert.equal(found.get(name('count', '', '4xx')), 1)
  assert.equal(found.get('coffer_request_duration_seconds_sum{mount_type="auth",operation="write",status="2xx"}'), 0, 'a clock that was set back takes no time away')
})

test('the text is what Prometheus reads, the JSON says the same', () => {
  const telemetry = new Telemetry()
  telemetry.begin('one', request)
  telemetry.count('coffer_things_total', 2)
  passed(telemetry, 'sys', 'read', 200, 0.25)
  const text = prometheusText(telemetry.figures({ a_gauge: 7 }))
  for (const line of text.trimEnd().split('\n')) assert.match(line, /^(?:# TYPE [a-z_]+ (?:gauge|counter|histogram)|[a-z_]+(?:\{(?:[a-z_]+="[^"\\\n]*",?)+\})? [0-9.e+-]+)$/)
  assert.deepEqual([samples(text).get('a_gauge'), samples(text).get('coffer_requests_in_flight'), samples(text).get('coffer_things_total')], [7, 1, 2])
  const json = metricsJson(telemetry.figures({ a_gauge: 7 }), '2026-01-01T00:00:00Z') as { readonly Samples: readonly object[]; readonly Gauges: readonly object[] }
  assert.deepEqual(json.Samples, [{ Name: 'coffer.request.duration', Count: 1, Sum: 250, Mean: 250, Labels: { mount_type: 'sys', operation: 'read', status: '2xx' } }])
  assert.deepEqual(json.Gauges, [{ Name: 'a_gauge', Value: 7, Labels: {} }])
})

test('under way are those that began and did not end, whichever ends first', () => {
  const telemetry = new Telemetry()
  const ids = ['a', 'b', 'c', 'd']
  const [a, b, c, d] = ids.map((id) => telemetry.begin(id, { ...request, path: id })) as [Underway, Underway, Underway, Underway]
  const underway = (): string[] => [...telemetry.figures({}).inFlight].map(([id, { path }]) => id + path).sort()
  const ended = (one: Underway): string[] => (telemetry.end(one, 'secret', 'read', 200, 0), underway())
  assert.deepEqual(underway(), ['aa', 'bb', 'cc', 'dd'])
  assert.deepEqual(ended(a), ['bb', 'cc', 'dd'])
  assert.deepEqual(ended(d), ['bb', 'cc'])
  const e = telemetry.begin('e', { ...request, path: 'e' })
  assert.deepEqual([ended(c), ended(b), ended(e)], [['bb', 'ee'], ['ee'], []])
})

test('figures of several processes add up, but for what all of them see alike', () => {
  const [one, two] = [new Telemetry(), new Telemetry()]
  for (const telemetry of [one, two]) {
    passed(telemetry, 'secret', 'read', 200, 0.003)
    telemetry.begin(telemetry === one ? 'a' : 'b', request)
  }
  passed(two, 'secret', 'write', 200, 1)
  two.count('coffer_things_total', 2)
  const gauges = { process_resident_memory_bytes: 5, coffer_audit_devices: 2, coffer_audit_devices_failing: 0, vault_core_unsealed: 1 }
  const found = samples(prometheusText(addFigures([one.figures(gauges), two.figures({ ...gauges, coffer_audit_devices_failing: 1 })])))
  const count = (verb: string): number | undefined => found.get(`coffer_request_duration_seconds_count{mount_type="secret",operation="${verb}",status="2xx"}`)
  assert.deepEqual([count('read'), count('write'), found.get('coffer_things_total'), found.get('coffer_requests_in_flight')], [2, 1, 2, 2])
  assert.deepEqual(Object.keys(gauges).map((name) => found.get(name)), [10, 2, 1, 1])
})

test('there is a bound to the number of series', () => {
  const telemetry = new Telemetry()
  for (let i = 0; i < 5_000; i++) passed(telemetry, `type ${i}`, 'read', 200, 0)
  assert.ok(samples(prometheusText(telemetry.figures({}))).size < 2_001 * 18)
})

test('no name that a client made up becomes a label, whatever it asks for and however that ends', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/clients-own-mount', { data: { type: 'kv' } })
    const paths = ['clients-own-mount/clients-own-key', 'clients-own-nowhere/x', 'auth/clients-own/login/ann', 'sys/clients-own', '', '\u0000clients-own', 'identity/entity/name/clients-own']
    const verbs: readonly WireVerb[] = ['read', 'list', 'scan', 'write', 'patch', 'delete', 'help', 'head']
    for (const path of paths) for (const verb of verbs) await server.request(verb, path, verb === 'write' ? { data: { 'clients-own': '1' } } : {})
    await server.request('read', 'sys/health', { token: null })
    for (const format of ['prometheus', '']) {
      const { text } = await server.ok('read', 'sys/metrics', { data: { format } })
      assert.ok(!text.includes('clients-own'), format)
    }
    const { text } = await server.ok('read', 'sys/metrics', { data: { format: 'prometheus' } })
    for (const [, labels = ''] of text.matchAll(/\{(.*)\}/g)) assert.match(labels, /^mount_type="(?:sys|auth|secret)",operation="(?:read|list|scan|write|patch|delete|help|head)",status="[2-5]xx"/)
  })
})

test('what is under way is shown with its path, without any value, and only while it lasts', async () => {
  await withServer(async (server) => {
    const shown = await server.ok('read', 'sys/in-flight-req', { data: { secret: 'hidden value' } })
    assert.match(shown.text, /"request_path":"\/v1\/sys\/in-flight-req","request_method":"GET"/)
    assert.ok(!shown.text.includes('hidden'))
    assert.equal(server.core.telemetry.figures({}).inFlight.size, 0)
    await server.request('write', 'nowhere/at/all', { data: {} })
    assert.equal(server.core.telemetry.figures({}).inFlight.size, 0)
  })
})
