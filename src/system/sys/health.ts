/** `sys/health`, `sys/leader`, `sys/ha-status`, `sys/step-down`: what load balancers and operators ask. */
import { hostname } from 'node:os'
import type { Core } from '../../core/core.ts'
import { ApiError } from '../../kit/errors.ts'
import { defaulted, optional, text, type Fields } from '../../kit/fields.ts'
import { plainJson, reply } from '../../kit/result.ts'
import { formatTime } from '../../kit/time.ts'
import { systemPath } from '../call.ts'
import { clusterId } from './cluster.ts'

const code = (what: string) => optional(text(`Status code for a server that is ${what}.`))

const codes = {
  activecode: code('active'),
  standbycode: code('on standby'),
  drsecondarycode: code('a secondary for disaster recovery'),
  performancestandbycode: code('a performance standby'),
  sealedcode: code('sealed'),
  uninitcode: code('not initialised'),
  removedcode: code('removed from its cluster'),
  haunhealthycode: code('unhealthy'),
  standbyok: defaulted(text('A standby counts as active.'), ''),
  perfstandbyok: defaulted(text('A performance standby counts as active.'), ''),
} satisfies Fields

function statusCode(given: string | undefined, standard: number): number {
  if (given === undefined) return standard
  const status = /^\d{3}$/.test(given) ? Number(given) : 0
  if (status < 100 || status > 599) throw new ApiError('bad_request', '')
  return status
}

const health = systemPath('health').read({
  summary: 'How the server is: 200 active, 429 standby, 501 not initialised, 503 sealed, or the codes that one asks for.',
  access: 'public',
  lifecycle: true,
  input: codes,
  async handle({ core, input, now }) {
    const wanted = { active: statusCode(input.activecode, 200), sealed: statusCode(input.sealedcode, 503), uninit: statusCode(input.uninitcode, 501) }
    const sealed = core.barrier.isSealed
    // What is not sealed is initialised.
    const initialized = !sealed || (await core.barrier.isInitialized())
    const status = !initialized ? wanted.uninit : sealed ? wanted.sealed : wanted.active
    const seen: Seen = { initialized, sealed, second: Math.floor(now / 1000), clusterId: sealed ? '' : await clusterId(core) }
    return reply({ status, raw: { contentType: 'application/json', body: status === 204 ? '' : healthText(core, seen) } })
  },
})

/** What the answer depends on, besides the settings. */
interface Seen {
  readonly initialized: boolean
  readonly sealed: boolean
  /** Since 1970. */
  readonly second: number
  readonly clusterId: string
}

const lastTexts = new WeakMap<Core, { readonly seen: Seen; readonly text: string }>()

/** Asked for by every load balancer, and the same for a second while nothing happens. */
function healthText(core: Core, seen: Seen): string {
  const last = lastTexts.get(core)
  if (last !== undefined && isSame(last.seen, seen)) return last.text
  const text = JSON.stringify(healthOf(core, seen))
  lastTexts.set(core, { seen, text })
  return text
}

const isSame = (a: Seen, b: Seen): boolean => a.second === b.second && a.sealed === b.sealed && a.initialized === b.initialized && a.clusterId === b.clusterId

function healthOf({ settings }: Core, { initialized, sealed, second, clusterId: id }: Seen): object {
  const replication = sealed ? 'unknown' : 'disabled'
  return {
    initialized, sealed, standby: sealed, performance_standby: false,
    replication_performance_mode: replication, replication_dr_mode: replication,
    server_time_utc: second, version: settings.version, enterprise: false,
    ...(sealed ? {} : { cluster_name: settings.clusterName, cluster_id: id }),
    echo_duration_ms: 0, clock_skew_ms: 0, replication_primary_canary_age_ms: 0,
  }
}

const leader = systemPath('leader').read({
  summary: 'Who leads. Every node answers every request, so the question has no meaning here; the form is kept.',
  access: 'public',
  lifecycle: true,
  handle: () => plainJson({ ha_enabled: false, is_self: false, active_time: '0001-01-01T00:00:00Z', leader_address: '', leader_cluster_address: '', performance_standby: false, performance_standby_last_remote_wal: 0 }),
})

const thisNode = (core: Core, now: number): Record<string, unknown> => ({
  hostname: hostname(), api_address: core.settings.apiAddress, cluster_address: '', active_node: true, last_echo: formatTime(now), version: core.settings.version,
})

const haStatus = systemPath('ha-status').read({
  summary: 'The nodes.',
  handle: ({ core, now }) => reply({ data: { nodes: [thisNode(core, now)] }, repeatedAtTop: true }),
})

const stepDown = systemPath('step-down').write({
  summary: 'Accepted for old tools: there is no leader that could step down.',
  access: 'sudo',
  handle: () => null,
})

export const healthOperations = [health, leader, haStatus, stepDown]
