/** The agent and `run`, as processes of their own, against a real server. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { findProgram } from '../engines/database/testing/place.ts'
import { startRedis } from '../engines/database/testing/redis.ts'
import { inPlace, type Ended, type Place } from '../server/testing/process.ts'

interface World {
  readonly place: Place
  readonly shell: (script: string) => Ended
  /** Fails unless the script ends well. */
  readonly ok: (script: string) => string
  readonly read: (name: string) => string
  readonly stop: () => Promise<unknown>
}

const addressOf = (out: string): string => /Api Address: (\S+)/.exec(out)?.[1] ?? assert.fail('the server names no address')

/** A dev server with a secret, and an application that may read it. */
const withWorld = (body: (world: World) => Promise<void>) => () => inPlace(async (place) => {
  const server = await place.started(['-dev', '-dev-root-token-id=root', '-dev-listen-address=127.0.0.1:0', '-dev-no-store-token'])
  const environment = { COFFER_ADDR: addressOf(server.out()), COFFER_TOKEN: 'root' }
  const shell = (script: string): Ended => place.shell(script, environment)
  const ok = (script: string): string => {
    const { code, out, err } = shell(script)
    assert.equal(code, 0, err)
    return out
  }
  ok(`coffer kv put -mount=secret app user=u password='p w' port=12345678901234567890 && coffer auth enable approle
    echo 'path "secret/*" { capabilities = ["read", "list"] }' | coffer policy write app -
    coffer write auth/approle/role/app token_policies=app token_ttl=1h
    coffer read -field=role_id auth/approle/role/app/role-id > role
    coffer write -force -field=secret_id auth/approle/role/app/secret-id > secret`)
  await body({ place, shell, ok, stop: () => server.stop('SIGKILL'), read: (name) => readFileSync(join(place.folder, name), 'utf8') })
})

const method = (more = ''): string => `auto_auth {
  method "approle" { config = { role_id_file_path = "role", secret_id_file_path = "secret"${more} } }
  sink "file" { config = { path = "token", mode = 0600 } }
  sink "file" { wrap_ttl = "5m", config = { path = "wrapped" } }
}\n`.replace('"5m", config', '"5m"\n config')
const template = (contents: string, more = ''): string => `template { contents = ${JSON.stringify(contents)}\n destination = "out/conf"\n ${more} }\n`
const secretLine = '{{ with secret "secret/app" }}{{ .Data.data.user }}:{{ .Data.data.password }}:{{ .Data.data.port }}{{ end }}'

async function until(isSo: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 20_000; !isSo(); await pause(50)) if (Date.now() > end) assert.fail(`it never came to pass: ${what}`)
}

describe('agent', () => {
  test('it logs in, fills its sinks and its templates, and ends after that where it should', withWorld(async ({ place, ok, read, shell }) => {
    place.file('a.hcl', `pid_file = "pid"\n${method()}${template(secretLine, 'perms = "0640"\n exec { command = ["sh", "-c", "echo changed >> log"] }')}`)
    ok('coffer agent -config=a.hcl -exit-after-auth')
    assert.equal(read('out/conf'), 'u:p w:12345678901234567890')
    assert.equal(statSync(join(place.folder, 'out/conf')).mode & 0o777, 0o640)
    assert.equal(statSync(join(place.folder, 'token')).mode & 0o777, 0o600)
    assert.equal(read('log'), 'changed\n')
    assert.equal(existsSync(join(place.folder, 'secret')), false, 'the secret id is removed once it was read')
    assert.equal(existsSync(join(place.folder, 'pid')), false)
    assert.match(ok('COFFER_TOKEN=$(cat token) coffer read -field=display_name auth/token/lookup-self'), /^approle/)
    const wrapped = JSON.parse(read('wrapped')) as { token: string }
    assert.match(ok(`coffer unwrap -field=token ${wrapped.token}`), /^hvs\./)
    // Nothing secret in what it says.
    const { err } = shell('coffer write -force -field=secret_id auth/approle/role/app/secret-id > secret; coffer agent -config=a.hcl -exit-after-auth -log-level=trace')
    for (const told of ['p w', read('token'), read('role')]) assert.ok(!err.includes(told))
  }))

  test('a template is rendered anew when its secret has changed, and at SIGHUP', withWorld(async ({ place, ok, read }) => {
    place.file('a.hcl', `${method()}${template(secretLine)}template_config { static_secret_render_interval = "1h" }\n`)
    ok('coffer agent -config=a.hcl > /dev/null 2> agent.log & echo $! > agent.pid')
    await until(() => existsSync(join(place.folder, 'out/conf')), 'the first rendering')
    ok('coffer kv put -mount=secret app user=v password=x port=1')
    process.kill(Number(read('agent.pid')), 'SIGHUP')
    await until(() => read('out/conf') === 'v:x:1', 'the second rendering')
    process.kill(Number(read('agent.pid')), 'SIGTERM')
    await until(() => read('agent.log').includes('stopping on SIGTERM'), 'the end')
  }))

  test('a program gets its variables, is started anew when they change, and its exit code is that of the agent', withWorld(async ({ place, ok, read }) => {
    place.file('a.hcl', `${method(', remove_secret_id_file_after_reading = false')}env_template "WHO" { contents = "{{ with secret \\"secret/app\\" }}{{ .Data.data.user }}{{ end }}" }
      template_config { static_secret_render_interval = "1s" }
      exec { command = ["sh", "-c", "echo $WHO >> who; while [ ! -e end ]; do sleep 0.1; done; exit 7"] }`)
    ok('(coffer agent -config=a.hcl; echo $? > code) > /dev/null 2> agent.log &')
    await until(() => existsSync(join(place.folder, 'who')), 'the first start')
    ok('coffer kv put -mount=secret app user=v')
    await until(() => read('who') === 'u\nv\n', 'the second start')
    place.file('end', '')
    await until(() => existsSync(join(place.folder, 'code')) && read('code') !== '', 'the end')
    assert.equal(read('code'), '7\n')
  }))

  test('it waits for a server that is not there, and for a secret that is not there', withWorld(async ({ place, ok, read }) => {
    place.file('a.hcl', `${method()}${template('{{ with secret "secret/later" }}{{ .Data.data.a }}{{ end }}')}`)
    ok('coffer agent -config=a.hcl -exit-after-auth > /dev/null 2> agent.log & echo $! > agent.pid')
    await until(() => /no secret exists at secret\/data\/later; trying again/.test(read('agent.log')), 'the first failure')
    ok('coffer kv put -mount=secret later a=b')
    await until(() => existsSync(join(place.folder, 'out/conf')) && read('out/conf') === 'b', 'the rendering')
  }))

  test('a configuration with a mistake is refused with its place, before anything is done', withWorld(async ({ place, shell }) => {
    const refused: Readonly<Record<string, RegExp>> = {
      'foo = 1': /foo is not known/,
      'auto_auth { method "nothing" { } }': /the type "nothing" is not known/,
      'auto_auth { method "approle" { config = { role_id = "x" } } }': /auto_auth.method.approle.config.role_id is not known/,
      'auto_auth { method "approle" { } }': /role_id_file_path is missing/,
      'template { contents = "x" }': /destination is missing/,
      'template { destination = "x" }': /one of source and contents/,
      'exec { command = ["x"] }': /exec needs at least one env_template/,
      'cache { }': /cache needs at least one listener or template/,
      'telemetry { foo = 1 }': /telemetry.foo is not known/,
      'telemetry { metrics_prefix = "a b" }': /telemetry.metrics_prefix: expected letters/,
      'cache { foo = 1 }': /cache.foo is not known/,
      'cache { static_secret_token_capability_refresh_behavior = "x" }': /expected optimistic or pessimistic/,
      'api_proxy { }': /api_proxy needs at least one listener/,
      'listener "tcp" { address = "127.0.0.1:0" }': /listener.tcp.tls_cert_file and tls_key_file are missing/,
      'listener "tcp" { tls_disable = true\n role = "x" }': /listener.tcp.role: expected default or metrics_only/,
      'listener "quic" { }': /expected tcp or unix/,
      'auto_auth { method "cert" { }\n sink "file" { aad = "x"\n config = { path = "x" } } }': /dh_type is missing/,
      'auto_auth { method "cert" { }\n sink "file" { dh_type = "rsa"\n config = { path = "x" } } }': /dh_type: expected curve25519/,
      'disable_keep_alives = ["all"]': /disable_keep_alives: expected auto-auth/,
      'auto_auth { sink "file" { config = { path = "x" } } }': /auto_auth.method is missing/,
      'template_config { static_secret_render_interval = "soon" }': /expected a duration/,
      'a = = 1': /a\.hcl/,
    }
    for (const [text, message] of Object.entries(refused)) {
      place.file('a.hcl', text)
      const { code, err } = shell('coffer agent -config=a.hcl')
      assert.equal(code, 1, text)
      assert.match(err, message)
    }
    place.file('a.hcl', template('{{ if }}'))
    const { code, err } = shell('coffer agent -config=a.hcl')
    assert.equal(code, 1)
    assert.match(err, /line 1: template 1: missing value for if/)
  }))
})

const withoutRedis = { skip: findProgram('redis-server') === null && 'redis-server is not installed' }

describe('run', () => {
  test('fields of a secret and references become variables; the exit code is that of the program', withWorld(async ({ ok, shell }) => {
    assert.equal(ok(`coffer run -secret=secret/app -upcase -prefix=app_ -- sh -c 'echo "$APP_USER,$APP_PASSWORD,$APP_PORT"'`), 'u,p w,12345678901234567890\n')
    assert.equal(ok(`X=coffer://secret/app#user coffer run -env=Y=vault://secret/app#password -env=Z=plain -- sh -c 'echo "$X,$Y,$Z"'`), 'u,p w,plain\n')
    assert.equal(ok(`A=1 coffer run -pristine -secret=secret/app -- /bin/sh -c 'echo "$A,$user"'`), ',u\n')
    assert.equal(shell(`coffer run -secret=secret/app -- sh -c 'exit 9'`).code, 9)
    assert.equal(shell(`coffer run -secret=secret/app -- sh -c 'kill -TERM $$'`).code, 143)
    assert.equal(shell('coffer run -- /nowhere/program').code, 127)
  }))

  test('what cannot be read is refused, and the program is not started', withWorld(async ({ shell }) => {
    for (const [given, message] of [['-secret=secret/none', /no secret exists at secret\/data\/none/], ['-env=X=coffer://secret/app#none', /X: the secret secret\/app has no field "none"/]] as const) {
      const { code, err, out } = shell(`coffer run ${given} -- echo started`)
      assert.equal(code, 2)
      assert.equal(out, '')
      assert.match(err, message)
    }
    assert.equal(shell('coffer run -env=nothing -- true').code, 1)
    assert.equal(shell('coffer run --').code, 1)
  }))

  test('a program that is watched is started anew when its secrets change', withWorld(async ({ place, ok, read }) => {
    ok(`(coffer run -watch=1s -secret=secret/app -- sh -c 'echo $user >> who; while [ ! -e end ]; do sleep 0.1; done'; echo $? > code) > /dev/null 2>&1 &`)
    await until(() => existsSync(join(place.folder, 'who')), 'the first start')
    ok('coffer kv put -mount=secret app user=v')
    await until(() => read('who') === 'u\nv\n', 'the second start')
    place.file('end', '')
    await until(() => existsSync(join(place.folder, 'code')) && read('code') === '0\n', 'the end')
  }))

  test('with -mask stars stand for the secrets in what the program prints', withWorld(async ({ shell }) => {
    const script = 'echo "a$password"; echo "$port" >&2; echo "$user"; exit 4'
    const { code, out, err } = shell(`coffer run -mask -secret=secret/app -- sh -c '${script}'`)
    assert.equal(code, 4)
    assert.equal(out, 'ap w\nu\n', 'three bytes are too few')
    assert.equal(err, '********\n')
  }))

  test('what was kept serves while the server cannot answer, but not when it refuses', withWorld(async ({ ok, shell, stop }) => {
    const run = `coffer run -secret=secret/app -fallback=kept -fallback-key=key -- sh -c 'echo "$user"'`
    assert.equal(ok(run), 'u\n')
    const refused = shell(`COFFER_TOKEN=wrong ${run}`)
    assert.deepEqual([refused.code, refused.out], [2, ''])
    await stop()
    const away = (script: string): Ended => shell(`COFFER_MAX_RETRIES=0 ${script}`)
    const { code, out, err } = away(run)
    assert.deepEqual([code, out], [0, 'u\n'])
    assert.match(err, /the server cannot answer: taking what was kept at 20/)
    const old = away(run.replace('-fallback=', '-fallback-max-age=1ms -fallback='))
    assert.deepEqual([old.code, old.out], [2, ''])
    assert.match(old.err, /kept is of .*, which is older than it may be/)
    const other = away(run.replace('secret/app', 'secret/other'))
    assert.match(other.err, /was not written here for the same server and variables/)
  }))

  test('credentials that have a lease are renewed while the program runs, and revoked at its end', withoutRedis, withWorld(async ({ shell, ok, read }) => {
    const database = (await startRedis()) ?? assert.fail('there is no Redis')
    try {
      const { host, port } = database.details as { host: string; port: number }
      ok(`coffer secrets enable database && coffer write database/config/r plugin_name=redis-database-plugin host=${host} port=${port} username=${database.admin.username} password='${database.admin.password}' allowed_roles='*'
        coffer write database/roles/app db_name=r creation_statements='["~*", "+@read"]' default_ttl=2s max_ttl=1m`)
      ok(`coffer run -secret=database/creds/app -- sh -c 'echo $username > who; sleep 5; coffer list -format=json sys/leases/lookup/database/creds/app > alive'`)
      assert.equal((JSON.parse(read('alive')) as unknown[]).length, 1, 'it is alive after more than its first life')
      await until(() => shell('coffer list sys/leases/lookup/database/creds/app').code !== 0, 'the end of the lease')
      assert.deepEqual(await database.users(read('who').trim()), [])
    } finally {
      await database.stop()
    }
  }))
})

describe('inject', () => {
  test('a file with references becomes one with secrets, whole or not at all', withWorld(async ({ place, ok, read, shell }) => {
    place.file('in', 'login: "coffer://secret/app#user"\npassword: {{ coffer://secret/app#password }}\n')
    assert.equal(ok('coffer inject < in'), 'login: "u"\npassword: p w\n')
    ok('coffer inject -in=in -out=out')
    assert.equal(read('out'), 'login: "u"\npassword: p w\n')
    assert.equal(statSync(join(place.folder, 'out')).mode & 0o777, 0o600)
    place.file('in', 'coffer://secret/app#user\ncoffer://secret/app#none\n')
    const { code, err } = shell('coffer inject -in=in -out=other')
    assert.equal(code, 2)
    assert.match(err, /line 2: the secret secret\/app has no field "none"/)
    assert.equal(existsSync(join(place.folder, 'other')), false)
    assert.match(shell('coffer inject -in=nowhere').err, /nowhere cannot be read: ENOENT/)
    assert.equal(shell('coffer inject -in=in -mode=rw').code, 1)
  }))
})
