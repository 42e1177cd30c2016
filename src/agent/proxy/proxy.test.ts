/** An agent and a proxy that pass requests on, against a real server. */
import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hearUdp } from '../../statsd/testing/receivers.ts'
import { approle, listener, until, withWorld } from '../../cli/testing/agent-world.ts'

interface Told {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

async function ask(url: string, init: RequestInit = {}): Promise<Told> {
  const answer = await fetch(url, init)
  return { status: answer.status, headers: answer.headers, text: await answer.text() }
}

test('requests get the token of the agent where they bring none, or always, or never', withWorld(async ({ started, read }) => {
  const [kept = ''] = await started('agent', `${approle}api_proxy { use_auto_auth_token = true }\n${listener()}`)
  const [forced = ''] = await started('proxy', `${approle}api_proxy { use_auto_auth_token = "force" }\n${listener()}`)
  const [own = ''] = await started('proxy', listener())
  await until(() => [0, 1].every((n) => /auth: logged in/.test(read(`log-${n}`))), 'both log in')
  const path = '/v1/secret/data/app'
  const statusOf = async (address: string, token?: string): Promise<number> => (await ask(address + path, token === undefined ? {} : { headers: { 'X-Vault-Token': token } })).status
  assert.deepEqual(await Promise.all([statusOf(kept), statusOf(kept, 'root'), statusOf(kept, 'wrong')]), [200, 200, 403])
  assert.deepEqual(await Promise.all([statusOf(forced), statusOf(forced, 'wrong')]), [200, 200])
  assert.deepEqual(await Promise.all([statusOf(own), statusOf(own, 'root')]), [403, 200])
  assert.equal((await ask(`${forced}/v1/sys/mounts`, { headers: { 'X-Vault-Token': 'root' } })).status, 403, 'the token of the client does not count')
}))

test('bodies, queries, verbs and numbers arrive as they were sent, and answers as they were given', withWorld(async ({ started, shell, ok, address }) => {
  const [proxy = ''] = await started('proxy', listener())
  const through = (script: string): string => ok(`export COFFER_ADDR=${proxy}; ${script}`)
  assert.equal(through('coffer kv get -mount=secret -field=port app'), '12345678901234567890')
  through('coffer kv put -mount=secret "a b/ü" text="x y" n=1 && coffer kv patch -mount=secret app user=v')
  assert.equal(through('coffer kv get -mount=secret -field=text "a b/ü"'), 'x y')
  assert.equal(ok('coffer kv get -mount=secret -field=user app'), 'v')
  assert.equal(through('coffer kv list -mount=secret -format=json').replaceAll(/\s/g, ''), '["ab/","app"]'.replace('ab', 'a b').replaceAll(/\s/g, ''))
  assert.equal(through('curl -sS -X LIST -H "X-Vault-Token: root" $COFFER_ADDR/v1/secret/metadata | grep -c \'"app"\''), '1\n')
  const refused = shell(`COFFER_ADDR=${proxy} COFFER_TOKEN=none coffer kv get -mount=secret app`)
  assert.equal(refused.code, 2)
  assert.match(refused.err, /Code: 403/)
  // A form, a body that is no JSON, and a path that is nowhere: what the server says, byte by byte but for its own ids.
  for (const args of ['-d a=b', '-d "{" -H "Content-Type: application/json"', '-X DELETE']) {
    const said = (at: string): string => ok(`curl -sS ${args} -H "X-Vault-Token: root" ${at}/v1/nowhere/at/all -w '%{http_code} %{content_type}'`)
    assert.equal(said(proxy), said(address))
  }
  assert.equal((await ask(`${proxy}/v1/sys/health`)).status, 200)
  assert.equal((await ask(`${proxy}/elsewhere`)).status, 404)
}))

test('who may use the token of the agent does not get to see it', withWorld(async ({ started, read, ok }) => {
  const [proxy = ''] = await started('proxy', `${approle}api_proxy { use_auto_auth_token = true }\n${listener()}`)
  await until(() => existsSync(join(ok('pwd').trim(), 'token')), 'the login')
  const token = read('token')
  const look = async (path: string, init: RequestInit = {}): Promise<string> => (await ask(`${proxy}/v1/auth/token/${path}`, init)).text
  const own = await look('lookup-self')
  assert.match(own, /"policies":\["app","default"\]/)
  assert.doesNotMatch(own, /"id"|"accessor"/)
  const renewed = await look('renew-self', { method: 'POST' })
  assert.match(renewed, /"client_token":"","accessor":""/)
  const named = await look('lookup', { method: 'POST', body: JSON.stringify({ token }), headers: { 'X-Vault-Token': 'root' } })
  assert.match(named, /"display_name":"approle"/)
  for (const text of [own, renewed, named]) assert.ok(!text.includes(token))
  assert.match(await look('lookup-self', { headers: { 'X-Vault-Token': 'root' } }), /"id":"root"/, 'other tokens are told of as always')
}))

test('a listener wants its header, tells figures and no more, and ends the agent where it may', withWorld(async ({ started, read }) => {
  const [strict = '', figures = '', quits = ''] = await started('agent', listener('require_request_header = true') + listener('role = "metrics_only"') + listener('agent_api { enable_quit = true }'))
  const header = { headers: { 'X-Vault-Request': 'true' } }
  assert.deepEqual([(await ask(`${strict}/v1/sys/health`)).status, (await ask(`${strict}/v1/sys/health`, header)).status], [412, 200])
  assert.equal((await ask(`${strict}/agent/v1/cache-clear`, { method: 'POST', body: '{}' })).status, 412)
  assert.deepEqual([(await ask(`${figures}/v1/sys/health`)).status, (await ask(`${figures}/agent/v1/quit`, { method: 'POST' })).status], [404, 404])
  const told = await ask(`${figures}/agent/v1/metrics?format=prometheus`)
  assert.match(told.text, /^vault_agent_proxy_success 1$/m)
  assert.match((await ask(`${strict}/agent/v1/metrics`)).text, /"Name":"vault.agent.proxy.success","Count":1/)
  assert.equal((await ask(`${figures}/agent/v1/metrics?format=x`)).status, 400)
  assert.equal((await ask(`${strict}/agent/v1/quit`, { method: 'POST', ...header })).status, 404)
  assert.equal((await ask(`${quits}/agent/v1/quit`)).status, 405)
  assert.equal((await ask(`${quits}/agent/v1/quit`, { method: 'POST' })).status, 200)
  await until(() => /stopping because a request asks for it/.test(read('log-0')), 'the end')
}))

test('figures have the names that the configuration wants, are sent where it says, and what it does not do is named', withWorld(async ({ started, read, ended }) => {
  const statsd = await hearUdp()
  const telemetry = (more: string): string => `telemetry { disable_hostname = true\n ${more} }\n`
  const [named = ''] = await started('proxy', `${approle}${telemetry(`metrics_prefix = "pre"\n statsd_address = "127.0.0.1:${statsd.port}"\n circonus_api_url = "u"\n prometheus_retention_time = "30s"`)}${listener()}`)
  const [without = ''] = await started('agent', `${telemetry('prometheus_retention_time = "0s"')}${listener()}`)
  await until(() => /auth: logged in/.test(read('log-0')), 'the login')
  await ask(`${named}/v1/sys/health`)
  const told = (await ask(`${named}/proxy/v1/metrics?format=prometheus`)).text
  for (const line of [/^# TYPE pre_proxy_auth_success counter\npre_proxy_auth_success 1$/m, /^pre_agent_proxy_success 1$/m, /^# TYPE pre_runtime_sys_bytes gauge$/m, /^pre_agent_authenticated [01]$/m]) assert.match(told, line)
  assert.match((await ask(`${named}/proxy/v1/metrics`)).text, /"Name":"pre.proxy.auth.success","Count":1/)
  assert.match(read('log-0'), /telemetry.circonus_api_url has no effect/)
  assert.deepEqual([(await ask(`${without}/agent/v1/metrics?format=prometheus`)).status, (await ask(`${without}/agent/v1/metrics`)).status], [400, 200])
  await ended()
  const sent = await statsd.next(/^pre\.runtime\.sys_bytes:\d+\|g$/)
  for (const line of ['pre.proxy.auth.success:1|c', 'pre.agent.proxy.success:1|c', 'pre.agent.authenticated:1|g']) assert.ok(statsd.lines().includes(line), `${line}: ${sent.join(' ')}`)
  await statsd.close()
}))

test('a unix socket with its mode, and TLS with the certificate that a file holds', withWorld(async ({ started, place, ok }) => {
  ok('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2> openssl.log')
  const socket = join(place.folder, 'agent.sock')
  const [, secure = ''] = await started('agent', `listener "unix" { address = "${socket}"\n socket_mode = "0600" }\nlistener "tcp" { address = "127.0.0.1:0"\n tls_cert_file = "cert.pem"\n tls_key_file = "key.pem" }\n`)
  assert.equal(statSync(socket).mode & 0o777, 0o600)
  assert.match(secure, /^https:/)
  assert.equal(ok(`COFFER_ADDR=unix://${socket} coffer kv get -mount=secret -field=user app`), 'u')
  assert.equal(ok(`COFFER_ADDR=${secure} COFFER_CACERT=cert.pem coffer kv get -mount=secret -field=user app`), 'u')
}))

test('a server that is away is a 502 that says so, a body that is too large a 413, and neither ends the agent', withWorld(async ({ started, ok }) => {
  const [lost = ''] = await started('proxy', `vault { address = "http://127.0.0.1:1"\n retry { num_retries = -1 } }\n${listener()}`)
  const { status, text } = await ask(`${lost}/v1/secret/data/app`)
  assert.equal(status, 502)
  assert.match(text, /failed to get the response: connect ECONNREFUSED/)
  const [small = ''] = await started('proxy', listener('max_request_size = 100'))
  assert.equal(ok(`head -c 200 /dev/zero | curl -sS -o /dev/null -w '%{http_code}' --data-binary @- ${small}/v1/secret/data/x`), '413')
  assert.equal((await ask(`${small}/v1/sys/health`)).status, 200)
}))

test('what goes on is passed through as it comes', withWorld(async ({ started }) => {
  const [proxy = ''] = await started('proxy', listener())
  const control = new AbortController()
  const answer = await fetch(`${proxy}/v1/sys/monitor?log_level=trace`, { headers: { 'X-Vault-Token': 'root' }, signal: control.signal })
  assert.equal(answer.status, 200)
  control.abort()
}))
