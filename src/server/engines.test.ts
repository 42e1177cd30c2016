/** Engines are loaded, and their routes compiled, when they are first used: that all of them can be is proven here. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { builtinRegistry } from './engines.ts'
import { ask, inPlace } from './testing/process.ts'

test('no two operations of any engine could be mistaken for each other', () => {
  const { all } = builtinRegistry()
  assert.ok(all.length > 10)
  for (const { engine, routes } of all) {
    const operations = routes.templates.reduce((count, template) => count + template.operations.length, 0)
    assert.equal(operations, engine.operations.length, engine.type)
  }
})

test('the command has the engines of the sources: each can be mounted, and answers for every path of its own', () => inPlace(async (place) => {
  const server = await place.started(['-dev', '-dev-root-token-id=root', '-dev-listen-address=127.0.0.1:0', '-dev-no-store-token', '-dev-no-kv'])
  const address = `${/Api Address: (\S+)/.exec(server.out())?.[1]}/v1`
  const call = async (path: string, method = 'GET', body?: unknown): Promise<string> => {
    const { status, text } = await ask(`${address}/${path}`, { method, token: 'root', body })
    assert.ok(status < 300, `${path}: ${status} ${text}`)
    return text
  }
  const engines = builtinRegistry().all.map(({ engine }) => engine).filter(({ kind, type }) => kind === 'secret' && type !== 'cubbyhole')
  for (const { type, version } of engines) await call(`sys/mounts/${type}${version ?? ''}`, 'POST', { type, options: version === undefined ? {} : { version } })
  const { paths } = JSON.parse(await call('sys/internal/specs/openapi')) as { readonly paths: Readonly<Record<string, unknown>> }
  for (const { type, version, operations } of engines) {
    const own = Object.keys(paths).filter((path) => path.startsWith(`/${type}${version ?? ''}/`))
    assert.ok(own.length > 0 && own.length <= operations.length, `${type}: ${own.length} paths`)
  }
  assert.equal((await server.stop()).code, 0)
}))
