/** The manifests in `examples/kubernetes` fit together, and the configurations in them do what they say. */
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { parseAllDocuments } from 'yaml'
import { projectRoot } from '../compat/server.ts'
import { inPlace, type Place } from '../src/server/testing/process.ts'

const folder = join(projectRoot, 'examples/kubernetes')

interface Container {
  readonly name: string
  readonly args?: readonly string[]
  readonly restartPolicy?: string
  readonly securityContext: { readonly allowPrivilegeEscalation: boolean; readonly readOnlyRootFilesystem: boolean }
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}

interface Volume {
  readonly name: string
  readonly emptyDir?: { readonly medium: string }
  readonly configMap?: { readonly name: string }
  readonly projected?: { readonly sources: readonly { readonly serviceAccountToken: { readonly path: string; readonly audience: string } }[] }
}

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly data?: Readonly<Record<string, string>>
  readonly spec?: { readonly template: { readonly spec: { readonly serviceAccountName: string; readonly automountServiceAccountToken: boolean; readonly initContainers: readonly Container[]; readonly containers: readonly Container[]; readonly volumes: readonly Volume[] } } }
}

function manifestsIn(name: string): Manifest[] {
  return parseAllDocuments(readFileSync(join(folder, name), 'utf8')).map((document) => {
    assert.deepEqual([document.errors, document.warnings], [[], []], name)
    return document.toJS() as Manifest
  })
}

const configs = (): Readonly<Record<string, string>> => manifestsIn('configmap.yaml')[0]?.data ?? {}

test('manifests name only what there is, and let nobody have more than is needed', () => {
  const all = readdirSync(folder).filter((name) => name.endsWith('.yaml')).flatMap(manifestsIn)
  const named = (kind: string, name: string): boolean => all.some((manifest) => manifest.kind === kind && manifest.metadata.name === name)
  const deployments = all.filter(({ kind }) => kind === 'Deployment')
  assert.equal(deployments.length, 2)
  for (const { spec } of deployments) {
    const pod = spec?.template.spec ?? assert.fail('a deployment has a pod')
    assert.ok(named('ServiceAccount', pod.serviceAccountName))
    assert.equal(pod.automountServiceAccountToken, false)
    const volumes = new Map(pod.volumes.map((volume) => [volume.name, volume]))
    assert.equal(volumes.get('secrets')?.emptyDir?.medium, 'Memory')
    for (const { configMap } of pod.volumes) if (configMap !== undefined) assert.ok(named('ConfigMap', configMap.name) || configMap.name === 'coffer-ca')
    for (const container of [...pod.initContainers, ...pod.containers]) {
      assert.deepEqual(container.volumeMounts.filter(({ name }) => !volumes.has(name)), [])
      assert.deepEqual([container.securityContext.allowPrivilegeEscalation, container.securityContext.readOnlyRootFilesystem], [false, true])
    }
    const [agent] = pod.initContainers
    const config = /-config=(.*)\/(.*)/.exec(agent?.args?.at(-1) ?? '') ?? assert.fail('the agent has a configuration')
    assert.equal(agent?.volumeMounts.find(({ name }) => name === 'agent-config')?.mountPath, config[1])
    const text = configs()[config[2] ?? ''] ?? assert.fail(`the ConfigMap has no ${config[2]}`)
    const mounted = (path: string): boolean => agent?.volumeMounts.some(({ mountPath }) => path.startsWith(`${mountPath}/`)) ?? false
    for (const [, path = ''] of text.matchAll(/= "(\/[^"]*)"/g)) assert.ok(mounted(path), path)
    assert.equal(volumes.get('account-token')?.projected?.sources[0]?.serviceAccountToken.path, 'token')
    assert.equal(text.startsWith('exit_after_auth = true'), agent?.restartPolicy !== 'Always', 'one that goes on is no init container that ends')
  }
})

/** Before a server without the method: logs the service account in as the method would, and passes all else on. */
async function startFront(address: string): Promise<{ readonly address: string; readonly stop: () => void }> {
  const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = Buffer.concat(await request.toArray())
    const isLogin = request.url === '/v1/auth/kubernetes/login'
    if (isLogin) assert.deepEqual(JSON.parse(body.toString()), { role: 'shop', jwt: 'a.b.c' })
    const token = isLogin ? 'root' : String(request.headers['x-vault-token'] ?? '')
    const sent = isLogin ? '{"policies":["shop"],"ttl":"1h","no_parent":true}' : body.toString()
    const answer = await fetch(address + (isLogin ? '/v1/auth/token/create' : request.url), { method: request.method ?? 'GET', headers: { 'x-vault-token': token }, ...(sent === '' ? {} : { body: sent }) })
    response.writeHead(answer.status, { 'Content-Type': answer.headers.get('content-type') ?? '' }).end(await answer.text())
  }
  const server = createServer((request, response) => void pass(request, response).catch(() => response.destroy()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** The configuration with the paths and addresses of this machine in place of those of a pod. */
const localConfig = (name: string, address: string, place: Place): string =>
  (configs()[name] ?? '').replaceAll(/^ +ca_cert .*\n/gm, '').replaceAll('https://coffer.coffer.svc:8200', address).replaceAll('"/coffer/', `"${place.folder}/coffer/`).replaceAll('/var/run/coffer/', `${place.folder}/`).replaceAll('127.0.0.1:8100', '127.0.0.1:0')

test('the configurations log in, write the file and answer requests', () => inPlace(async (place) => {
  const server = await place.started(['-dev', '-dev-root-token-id=root', '-dev-listen-address=127.0.0.1:0', '-dev-no-store-token'])
  const address = /Api Address: (\S+)/.exec(server.out())?.[1] ?? assert.fail('no address')
  const { code, err } = place.shell(`coffer kv put -mount=secret shop user=u password=p && echo 'path "secret/data/shop" { capabilities = ["read"] }' | coffer policy write shop -`, { COFFER_ADDR: address, COFFER_TOKEN: 'root' })
  assert.equal(code, 0, err)
  const front = await startFront(address)
  place.file('token', 'a.b.c')
  const written = (): string => readFileSync(join(place.folder, 'coffer/secrets/database.env'), 'utf8').trim()
  const agents: ReturnType<typeof spawn>[] = []
  const start = (name: string): { readonly said: () => string; readonly ended: Promise<number | null> } => {
    place.file(name, localConfig(name, front.address, place))
    const child = spawn('coffer', ['agent', `-config=${name}`], { cwd: place.folder, env: place.environment, stdio: ['ignore', 'ignore', 'pipe'] })
    agents.push(child)
    let text = ''
    child.stderr.on('data', (chunk: Buffer) => (text += String(chunk)))
    return { said: () => text, ended: new Promise((resolve) => child.once('close', resolve)) }
  }
  try {
    const once = start('init.hcl')
    assert.equal(await once.ended, 0, once.said())
    assert.equal(written(), 'DB_USER=u\nDB_PASSWORD=p')
    const beside = start('agent.hcl')
    for (const end = Date.now() + 20_000; !/logged in/.test(beside.said()) || !/listening on/.test(beside.said()); await pause(25)) if (Date.now() > end) assert.fail(beside.said())
    const own = /listening on (\S+)/.exec(beside.said())?.[1] ?? ''
    const asked = async (headers: Record<string, string>): Promise<number> => (await fetch(`${own}/v1/secret/data/shop`, { headers })).status
    for (const end = Date.now() + 20_000; (await asked({ 'X-Vault-Request': 'true' })) !== 200; await pause(25)) if (Date.now() > end) assert.fail(beside.said())
    assert.equal(await asked({}), 412)
    agents[1]?.kill()
    assert.equal(await beside.ended, 0)
  } finally {
    for (const agent of agents) agent.kill('SIGKILL')
    front.stop()
  }
}))
