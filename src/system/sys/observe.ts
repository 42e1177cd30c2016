/** `sys/metrics`, `sys/in-flight-req`, `sys/loggers`, `sys/monitor`: watching a running server. */
import type { Core } from '../../core/core.ts'
import type { LogLevel } from '../../core/host.ts'
import { addFigures, metricsJson, prometheusText, type Figures } from '../../core/telemetry.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, text } from '../../kit/fields.ts'
import { plainJson, reply, type Reply } from '../../kit/result.ts'
import { formatTime } from '../../kit/time.ts'
import { systemPath } from '../call.ts'

/** What this process has counted. */
export const figuresOf = (core: Core): Figures => core.telemetry.figures(gaugesOf(core))

const allFigures = async (core: Core): Promise<Figures> => addFigures([figuresOf(core), ...(await core.crew.otherFigures())])

function gaugesOf(core: Core): Record<string, number> {
  const memory = process.memoryUsage()
  const devices = core.audit.status()
  return {
    vault_core_unsealed: core.barrier.isSealed ? 0 : 1,
    process_resident_memory_bytes: memory.rss,
    nodejs_heap_used_bytes: memory.heapUsed,
    process_cpu_seconds_total: (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
    coffer_audit_devices: devices.length,
    coffer_audit_devices_failing: devices.filter(({ state }) => state === 'failing' || state === 'hanging').length,
  }
}

/** `format` is `prometheus`, or '' for JSON. */
export async function metricsReply(core: Core, format: string, now: number): Promise<Reply> {
  if (format === 'prometheus') return reply({ raw: { contentType: 'text/plain; version=0.0.4; charset=utf-8', body: prometheusText(await allFigures(core)) } })
  if (format === '') return plainJson(metricsJson(await allFigures(core), formatTime(now)))
  return reply({ status: 400, raw: { contentType: 'text/plain', body: `metric response format ${JSON.stringify(format)} unknown` } })
}

const metrics = systemPath('metrics').read({
  summary: 'Figures of this server, for Prometheus or as JSON.',
  input: { format: defaulted(text('`prometheus`, or nothing for JSON.'), '') },
  handle: ({ core, input, now }) => metricsReply(core, input.format, now),
})

export const inFlightReply = async (core: Core): Promise<Reply> =>
  plainJson(Object.fromEntries([...(await allFigures(core)).inFlight].map(([id, request]) => [id, {
    start_time: formatTime(request.startedAt), client_remote_address: request.clientAddress, request_path: `/v1/${request.path}`, request_method: request.method, client_id: '',
  }])))

const inFlight = systemPath('in-flight-req').read({ summary: 'Requests that are under way.', handle: ({ core }) => inFlightReply(core) })

const levelNames: Readonly<Record<string, LogLevel | 'off'>> = {
  trace: 'trace', debug: 'debug', notice: 'info', info: 'info', warn: 'warn', warning: 'warn', err: 'error', error: 'error', off: 'off',
}

function levelOf(given: string): LogLevel | 'off' {
  if (given === '') throw badRequest('level is required')
  const level = Object.hasOwn(levelNames, given.toLowerCase()) ? levelNames[given.toLowerCase()] : undefined
  if (level === undefined) throw badRequest(`invalid level provided: unknown log level: ${given}`)
  return level
}

const level = { level: defaulted(text('trace, debug, info, warn, error or off.'), '') }
const loggers = systemPath('loggers')
const logger = systemPath('loggers/{name}', { name: text('Name of the logger.') })

const loggerOperations = [
  loggers.read({
    summary: 'The levels of the loggers.',
    access: 'sudo',
    handle: ({ core }) => reply({ data: Object.fromEntries(core.logControl.modules().map((name) => [name, core.logControl.levelOf(name)])), emptyWarnings: true }),
  }),
  loggers.write({
    summary: 'Set the level of all loggers, until the server restarts.',
    access: 'sudo',
    input: level,
    handle({ core, input }) {
      core.logControl.setLevel(levelOf(input.level), '')
      return null
    },
  }),
  loggers.delete({
    summary: 'Set all loggers back to the configured level.',
    access: 'sudo',
    handle({ core }) {
      core.logControl.reset('')
      return null
    },
  }),
  logger.read({
    summary: 'The level of a logger.',
    access: 'sudo',
    handle: ({ core, params }) => ({ [params.name]: core.logControl.levelOf(params.name) }),
  }),
  logger.write({
    summary: 'Set the level of a logger, until the server restarts.',
    access: 'sudo',
    input: level,
    handle({ core, params, input }) {
      core.logControl.setLevel(levelOf(input.level), params.name)
      return null
    },
  }),
  logger.delete({
    summary: 'Set a logger back to the configured level.',
    access: 'sudo',
    handle({ core, params }) {
      core.logControl.reset(params.name)
      return null
    },
  }),
]

const waitingMax = 1_000

/** Log lines as they come. A reader who is too slow loses lines rather than holding the server up. */
async function* follow(core: Core, wanted: LogLevel): AsyncGenerator<string> {
  const waiting: string[] = []
  let wake = (): void => undefined
  const stop = core.logControl.listen(wanted, (line) => {
    if (waiting.length < waitingMax) waiting.push(line)
    wake()
  })
  try {
    for (;;) {
      while (waiting.length > 0) yield waiting.shift() as string
      await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    stop()
  }
}

const monitor = systemPath('monitor').read({
  summary: 'The log, line by line, as it is written.',
  access: 'sudo',
  input: { log_level: defaulted(text('Lines of this level and above.'), 'info'), log_format: defaulted(text('Accepted: the lines are in the form of the server.'), '') },
  handle({ core, input }) {
    const wanted = levelOf(input.log_level)
    if (wanted === 'off') throw badRequest('unknown log level')
    return reply({ raw: { contentType: 'text/plain; charset=utf-8', body: follow(core, wanted) } })
  },
})

export const observeOperations = [metrics, inFlight, ...loggerOperations, monitor]
