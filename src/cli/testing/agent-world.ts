/** An agent with listeners, as a process of its own beside a real server. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { inPlace, type Ended, type Place } from '../../server/testing/process.ts'

export interface World {
  readonly place: Place
  /** Of the server. */
  readonly address: string
  readonly shell: (script: string) => Ended
  /** Fails unless the script ends well. */
  readonly ok: (script: string) => string
  readonly read: (name: string) => string
  /** Starts `coffer MODE` in the background, and resolves with the addresses that it listens on. It is ended with the place. */
  readonly started: (mode: 'agent' | 'proxy', config: string) => Promise<readonly string[]>
  /** Ends what was started, and resolves once it is gone. */
  readonly ended: () => Promise<void>
}

export async function until(isSo: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 20_000; !isSo(); await pause(25)) if (Date.now() > end) assert.fail(`it never came to pass: ${what}`)
}

const addressOf = (out: string): string => /Api Address: (\S+)/.exec(out)?.[1] ?? assert.fail('the server names no address')

/** A dev server with a secret, and an application that may read it with a role of approle. */
export const withWorld = (body: (world: World) => Promise<void>) => () => inPlace(async (place) => {
  const server = await place.started(['-dev', '-dev-root-token-id=root', '-dev-listen-address=127.0.0.1:0', '-dev-no-store-token'])
  const address = addressOf(server.out())
  const environment = { COFFER_ADDR: address, COFFER_TOKEN: 'root' }
  const shell = (script: string): Ended => place.shell(script, environment)
  const ok = (script: string): string => {
    const { code, out, err } = shell(script)
    assert.equal(code, 0, err)
    return out
  }
  const read = (name: string): string => readFileSync(join(place.folder, name), 'utf8')
  ok(`coffer kv put -mount=secret app user=u password='p w' port=12345678901234567890 && coffer auth enable approle
    echo 'path "secret/*" { capabilities = ["create", "read", "update", "list"] }' | coffer policy write app -
    coffer write auth/approle/role/app token_policies=app token_ttl=1h
    coffer read -field=role_id auth/approle/role/app/role-id > role
    coffer write -force -field=secret_id auth/approle/role/app/secret-id > secret`)
  const pids: number[] = []
  const started = async (mode: 'agent' | 'proxy', config: string): Promise<readonly string[]> => {
    const number = pids.length
    place.file(`${mode}-${number}.hcl`, config)
    ok(`COFFER_TOKEN= coffer ${mode} -config=${mode}-${number}.hcl -log-level=debug > out-${number} 2> log-${number} & echo $! > pid-${number}`)
    pids.push(Number(read(`pid-${number}`)))
    const wanted = config.split('listener "').length - 1
    const addresses = (): string[] => [...read(`log-${number}`).matchAll(/listening on (\S+)/g)].map(([, one = '']) => one)
    await until(() => addresses().length === wanted || !isAlive(pids[number] ?? 0), `${mode} listens`)
    assert.equal(addresses().length, wanted, read(`log-${number}`))
    return addresses()
  }
  const ended = async (): Promise<void> => {
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGTERM')
    await until(() => !pids.some(isAlive), 'the end')
  }
  try {
    await body({ place, address, shell, ok, read, started, ended })
  } finally {
    await ended()
  }
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Logs in with the role; the secret id stays where it is. */
export const approle = `auto_auth {
  method "approle" { config = { role_id_file_path = "role", secret_id_file_path = "secret", remove_secret_id_file_after_reading = false } }
  sink "file" { config = { path = "token", mode = 0600 } }
}\n`

/** On a free port. */
export const listener = (more = ''): string => `listener "tcp" {\n address = "127.0.0.1:0"\n tls_disable = true\n ${more} }\n`
