/** `auto_auth`: how an agent logs in, and where the token goes. */
import { AgentConfigError, type Block } from './entries.ts'
import type { MethodSettings, SinkSettings } from './settings.ts'

export interface AuthSettings {
  readonly method: MethodSettings | null
  readonly sinks: readonly SinkSettings[]
}

/** Throws `AgentConfigError`. */
export function authOf(block: Block | null): AuthSettings {
  if (block === null) return { method: null, sinks: [] }
  const [first, second] = block.labelled('method')
  if (first === undefined) throw new AgentConfigError('auto_auth.method is missing')
  if (second !== undefined) throw new AgentConfigError('auto_auth.method is there twice')
  const method = methodOf(first.label, first.block)
  const sinks = block.labelled('sink').map(({ label, block: sink }) => sinkOf(label, sink))
  block.finish()
  return { method, sinks }
}

function methodOf(type: string, block: Block): MethodSettings {
  block.ignore('type', 'name')
  const method: MethodSettings = {
    type,
    mountPath: block.text('mount_path', `auth/${type}`).replace(/^\/+|\/+$/g, ''),
    namespace: block.text('namespace'),
    wrapTtlSeconds: block.seconds('wrap_ttl', 0),
    minBackoffSeconds: Math.max(1, block.seconds('min_backoff', 1)),
    maxBackoffSeconds: Math.max(1, block.seconds('max_backoff', 300)),
    exitOnError: block.flag('exit_on_err'),
    values: block.map('config'),
  }
  block.finish()
  return method
}

function sinkOf(type: string, block: Block): SinkSettings {
  block.ignore('type')
  if (type !== 'file') throw new AgentConfigError(`a sink of the type "${type}" is not known`)
  if (block.ignore('dh_type', 'dh_path', 'aad', 'aad_env_var', 'derive_key').length > 0) throw new AgentConfigError('encrypted sinks are not supported: use wrap_ttl')
  const config = block.map('config')
  const path = config['path'] ?? ''
  if (path === '') throw new AgentConfigError(`${block.where}config.path is missing`)
  const written = config['mode'] ?? ''
  const mode = written === '' ? 0o640 : /^0[0-7]{3}$/.test(written) ? Number.parseInt(written, 8) : Number(written)
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) throw new AgentConfigError(`${block.where}config.mode: expected permissions such as 0640`)
  const sink = { path, mode, wrapTtlSeconds: block.seconds('wrap_ttl', 0) }
  block.finish()
  return sink
}
