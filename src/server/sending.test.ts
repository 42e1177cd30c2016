/** Servers that send figures, from outside: all workers together, each request once, and where a configuration that was changed says. */
import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { test } from 'node:test'
import { hearTcp, hearUdp, type Heard } from '../statsd/testing/receivers.ts'
import { freePort, ask, inPlace } from './testing/process.ts'
import { withConfiguredCrew, type Connection } from './workers/testing/crew.ts'

const requests = 40

/** What a counter came to over all sendings. */
const sumOf = (lines: readonly string[], name: string): number =>
  lines.reduce((sum, line) => (line.startsWith(`${name}:`) && line.includes('|c') ? sum + Number(line.slice(name.length + 1).split('|')[0]) : sum), 0)
const changed = /telemetry: figures are sent as the configuration says now/

async function unsealed([first]: readonly Connection[]): Promise<string> {
  const { body } = await (first as Connection).ok('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 }, '')
  await (first as Connection).ok('PUT', 'sys/unseal', { key: (body['keys'] as string[])[0] }, '')
  return String(body['root_token'])
}

test('two workers send what both have counted, once: every ten seconds, and a last time at the end', async () => {
  const [statsd, statsite, dog] = [await hearUdp(), await hearTcp(), await hearUdp()]
  const keys = `statsd_address = "127.0.0.1:${statsd.port}"\n statsite_address = "127.0.0.1:${statsite.port}"\n dogstatsd_addr = "127.0.0.1:${dog.port}"\n dogstatsd_tags = ["env:test"]`
  await withConfiguredCrew(2, `cluster_name = "blue"\ntelemetry {\n ${keys}\n}\n`, async (crew) => {
    const connections = await crew.connect(4)
    const token = await unsealed(connections)
    const lists = async (): Promise<void> => {
      for (let n = 0; n < requests; n++) assert.equal((await (connections[n % 4] as Connection).ask('LIST', 'nowhere/secret-name', undefined, token)).status, 404)
    }
    await lists()
    await statsd.next(/^vault\.request\.count\.secret\.list\.4xx:/)
    await lists()
    assert.equal((await crew.server.stop()).code, 0)
    assert.ok(!crew.server.out().includes('figures cannot be'))
    checkPlain(statsd)
    checkPlain(statsite)
    const tags = '#env:test,mount_type:secret,operation:list,status:4xx'
    assert.equal(sumOf(dog.lines().filter((line) => line.endsWith(tags)), 'vault.request.count'), 2 * requests)
    assert.ok(dog.lines().includes('vault.core.unsealed:1|g|#env:test,cluster:blue'))
    for (const { pieces } of [statsd, statsite, dog]) assert.ok(!pieces.join('').includes('secret-name') && !pieces.join('').includes(token))
  })
  await Promise.all([statsd, statsite, dog].map((one) => one.close()))
})

function checkPlain(heard: Heard): void {
  const lines = heard.lines()
  for (const line of lines) assert.match(line, /^vault\.[\w.-]+:\d+(?:\.\d{1,3})?\|[gc]$/)
  assert.equal(sumOf(lines, 'vault.request.count.secret.list.4xx'), 2 * requests)
  assert.ok(sumOf(lines, 'vault.request.duration_ms.secret.list.4xx') > 0)
  assert.ok(sumOf(lines, 'vault.runtime.cpu_ms') > 0)
  const before = `vault.${hostname()}.`
  const gauges = lines.filter((line) => line.endsWith('|g')).map((line) => (line.startsWith(before) ? line.slice(before.length).split(':')[0] : line))
  const expected = ['audit.devices', 'audit.devices_failing', 'core.in_flight_requests.blue', 'core.unsealed.blue', 'runtime.alloc_bytes', 'runtime.sys_bytes', 'workers']
  assert.deepEqual([...new Set(gauges)].sort(), expected)
  assert.ok(lines.includes(`${before}core.unsealed.blue:1|g`) && lines.includes(`${before}workers:2|g`))
}

test('SIGHUP changes where figures go, also from nowhere: then without what was counted before', () => inPlace(async (place) => {
  const [first, second, port] = [await hearUdp(), await hearUdp(), await freePort()]
  const write = (telemetry: string): string => place.file('c.hcl', `storage "inmem" {}\nlistener "tcp" {\n address = "127.0.0.1:${port}"\n tls_disable = true\n}\n${telemetry}`)
  write('')
  const server = await place.started(['-config=c.hcl'])
  const health = async (): Promise<unknown> => await ask(`http://127.0.0.1:${port}/v1/sys/seal-status`)
  for (let n = 0; n < 5; n++) await health()
  write(`telemetry {\n statsd_address = "127.0.0.1:${first.port}"\n prometheus_retention_time = 0\n}\n`)
  server.child.kill('SIGHUP')
  await server.printed(changed)
  for (let n = 0; n < 3; n++) await health()
  write(`telemetry {\n statsd_address = "127.0.0.1:${second.port}"\n disable_hostname = true\n metrics_prefix = "other"\n}\n`)
  server.child.kill('SIGHUP')
  await server.printed(/(?:says now[^]*){2}/)
  assert.equal((await server.stop()).code, 0)
  await second.next(/^other\.core\.unsealed\.vault-cluster-[0-9a-f]{8}:0\|g$/)
  assert.equal(sumOf(first.lines(), 'vault.request.count.sys.read.2xx') + sumOf(second.lines(), 'other.request.count.sys.read.2xx'), 3)
  await Promise.all([first.close(), second.close()])
}))
