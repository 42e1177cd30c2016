/** Kills a real server while it makes, renews and revokes users of a real database and changes its own password there, and looks each time at what is left. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Base } from '../../core/base.ts'
import { leasesUnder } from '../../core/leases/folders.ts'
import { mountRecords, treeOf } from '../../core/mounts/record.ts'
import { namedStore } from '../../core/base.ts'
import { connections, type Connection } from '../../engines/database/records.ts'
import type { PostgresServer } from '../../engines/database/testing/postgresql.ts'
import { seededRandom } from '../../storage/seeded.ts'
import { checkFolder } from './crash-rounds.ts'
import { ask, freePort, inPlace, type Place } from './process.ts'

/** Shorter than anybody would set them, so that what was intended is over soon. */
const timeouts = { connect_timeout: 1, operation_timeout: 1 }
/** Seconds after which every intent of these is over, and was looked at. */
const settledSeconds = 22

/** Seconds after which everything is looked at, settled or not. */
const settledMostSeconds = 180

export interface DatabaseCrashes {
  readonly made: number
  readonly revoked: number
  readonly rotated: number
  /** Leases that a crash left pending, in all. */
  readonly pending: number
}

export async function databaseCrashes(db: PostgresServer, rounds: number, seed: number): Promise<DatabaseCrashes> {
  let report: DatabaseCrashes = { made: 0, revoked: 0, rotated: 0, pending: 0 }
  await inPlace(async (place) => {
    report = await new Rounds(place, db, seededRandom(seed)).run(rounds)
  })
  return report
}

class Rounds {
  readonly #place: Place
  readonly #db: PostgresServer
  readonly #random: () => number
  readonly #folder: string
  readonly #leases = new Set<string>()
  readonly #counts = { made: 0, revoked: 0, rotated: 0, pending: 0 }
  /** Names of connections, which are those of their administrators. */
  readonly #administrators: string[] = []
  #answers = 0
  #token = ''
  #url = ''
  #isOver = false

  constructor(place: Place, db: PostgresServer, random: () => number) {
    this.#place = place
    this.#db = db
    this.#random = random
    this.#folder = join(place.folder, 'data')
  }

  async run(rounds: number): Promise<DatabaseCrashes> {
    const port = await freePort()
    this.#url = `http://127.0.0.1:${port}/v1/`
    const args = [`-data=${this.#folder}`, `-listen=127.0.0.1:${port}`, '-dev-no-store-token']
    for (let round = 0; round < rounds; round++) {
      const server = await this.#place.started(args)
      if (round === 0) await this.#setUp(/^Root token: (hvs\.\S{24})$/m.exec(server.out())?.[1] ?? '')
      await this.#addConnection(round)
      this.#isOver = false
      const storm = Promise.all([this.#use(), this.#use(), this.#use(), this.#rotate('pg'), this.#rotate(`root${round}`)])
      await this.#untilDone(2 + Math.floor(this.#random() * 6))
      await pause(this.#random() * 60)
      assert.equal((await server.stop('SIGKILL')).signal, 'SIGKILL')
      this.#isOver = true
      await storm
      await checkFolder(this.#folder, {}, (base) => this.#check(base, false))
    }
    const server = await this.#place.started(args)
    await pause(settledSeconds * 1000)
    await this.#untilSettled()
    assert.equal((await server.stop()).code, 0)
    await checkFolder(this.#folder, { isSettled: true }, (base) => this.#check(base, true))
    return this.#counts
  }

  /** Waits for some answers, however slow the machine is: then a crash finds something under way. */
  async #untilDone(count: number): Promise<void> {
    const goal = this.#answers + count
    for (const deadline = Date.now() + 10_000; this.#answers < goal && Date.now() < deadline; ) await pause(2)
  }

  /** However slow the machine is: a kill leaves many leases to the sweeper, and rotations that are open; the rounds are too short for them. */
  async #untilSettled(): Promise<void> {
    const open = new Set(['pg', ...this.#administrators])
    for (const deadline = Date.now() + settledMostSeconds * 1000; Date.now() < deadline; await pause(1000)) {
      for (const name of open) {
        const config = await this.#data(`db/config/${name}`)
        if (config !== undefined && config['rotation_state'] !== 'open') open.delete(name)
      }
      const counts = (await this.#data('sys/leases/count?group_by=owner&prefix=db'))?.['counts'] as Readonly<Record<string, number>> | undefined
      if (open.size === 0 && counts !== undefined && counts['nobody: to be revoked'] === undefined) return
    }
  }

  async #data(path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    return (await this.#send('GET', path))?.['data'] as Readonly<Record<string, unknown>> | undefined
  }

  async #setUp(token: string): Promise<void> {
    this.#token = token
    const { url, admin } = this.#db
    await this.#ok('sys/mounts/db', { type: 'database' })
    await this.#ok('db/config/pg', { plugin_name: 'postgresql-database-plugin', connection_url: url, allowed_roles: '*', ...admin, ...timeouts })
    await this.#ok('db/roles/app', { db_name: 'pg', creation_statements: `CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}'`, default_ttl: '1h', max_ttl: '9h' })
  }

  /** With an administrator of its own: a rotation that a crash left open takes its time, and the next crash is to find one at its beginning. */
  async #addConnection(round: number): Promise<void> {
    const login = { username: `root${round}`, password: 'as it was' }
    await this.#db.sql(`CREATE ROLE ${login.username} LOGIN CREATEROLE PASSWORD '${login.password}'`)
    await this.#ok(`db/config/${login.username}`, { plugin_name: 'postgresql-database-plugin', connection_url: this.#db.url, verify_connection: false, ...login, ...timeouts })
    this.#administrators.push(login.username)
  }

  async #ok(path: string, body: object): Promise<void> {
    const { status, text } = await ask(this.#url + path, { method: 'POST', token: this.#token, body })
    assert.ok(status < 300, `${path}: ${status} ${text}`)
  }

  /** What no answer came to is as good as unknown. */
  async #send(method: string, path: string, body?: object): Promise<Record<string, unknown> | null> {
    try {
      const { status, text } = await ask(this.#url + path, { method, token: this.#token, ...(body === undefined ? {} : { body }) })
      this.#answers += status < 300 ? 1 : 0
      return status < 300 ? (text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)) : null
    } catch {
      return null
    }
  }

  async #use(): Promise<void> {
    while (!this.#isOver) {
      const some = [...this.#leases][Math.floor(this.#random() * this.#leases.size)]
      const dice = this.#random()
      if (some === undefined || dice < 0.5) {
        const made = await this.#send('GET', 'db/creds/app')
        if (made !== null) this.#leases.add(String(made['lease_id']))
        this.#counts.made += made === null ? 0 : 1
      } else if (dice < 0.65) await this.#send('PUT', 'sys/leases/renew', { lease_id: some, increment: '2h' })
      else {
        this.#leases.delete(some)
        this.#counts.revoked += (await this.#send('PUT', 'sys/leases/revoke', { lease_id: some, sync: true })) === null ? 0 : 1
      }
    }
  }

  async #rotate(connection: string): Promise<void> {
    while (!this.#isOver) {
      const isDone = (await this.#send('POST', `db/rotate-root/${connection}`)) !== null
      this.#counts.rotated += isDone ? 1 : 0
      await pause(isDone ? 0 : 50)
    }
  }

  /** No user without a lease; no lease without a user, but those that are still to be undone; and somebody can log in. */
  async #check(base: Base, isSettled: boolean): Promise<void> {
    const users = new Set(await this.#db.roles('v-'))
    const known = new Set<string>()
    for await (const { secret, tokenHash } of leasesUnder(base, 'db/')) {
      if (secret === null) continue
      const name = String(secret.internal['username'])
      known.add(name)
      if (secret.intent !== undefined) this.#counts.pending += 1
      // A revocation that has dropped the user and was not committed is done again.
      if (isSettled) assert.ok(secret.intent === undefined && (users.has(name) || secret.failures > 0), `${name} has a lease and is not there: ${JSON.stringify({ ...secret, tokenHash, now: Date.now() })}`)
    }
    assert.deepEqual([...users].filter((name) => !known.has(name)), [], 'users without a lease')
    const mount = await mountRecords.read(namedStore(base), 'db/')
    assert.ok(mount !== null)
    for (const name of ['pg', ...(isSettled ? this.#administrators : this.#administrators.slice(-1))]) {
      const connection = await connections.read(base.barrier.tree(treeOf(mount)), name)
      assert.ok(connection !== null, name)
      await this.#checkAdministrator(connection, isSettled)
    }
  }

  async #checkAdministrator({ details, successor }: Connection, isSettled: boolean): Promise<void> {
    const candidates = [details['password'], successor?.secret.password].filter((password) => typeof password === 'string')
    const works = await Promise.all(candidates.map((password) => this.#db.canLogIn(String(details['username']), password)))
    assert.ok(works.includes(true), `the password of ${String(details['username'])} is lost`)
    if (isSettled) assert.deepEqual([works, successor], [[true], null])
  }
}
