/** `auto_auth`: how an agent logs in, and where the token goes. */
import type { Environment } from '../../../client/src/node/environment.ts'
import { AgentConfigError, type Block } from './entries.ts'
import type { MethodSettings, SinkSealing, SinkSettings } from './settings.ts'

export interface AuthSettings {
  readonly method: MethodSettings | null
  readonly sinks: readonly SinkSettings[]
}

/** Throws `AgentConfigError`. */
export function authOf(block: Block | null, environment: Environment): AuthSettings {
  if (block === null) return { method: null, sinks: [] }
  const [first, second] = block.labelled('method')
  if (first === undefined) throw new AgentConfigError('auto_auth.method is missing')
  if (second !== undefined) throw new AgentConfigError('auto_auth.method is there twice')
  const method = methodOf(first.label, first.block)
  const sinks = block.labelled('sink').map(({ label, block: sink }) => sinkOf(label, sink, environment))
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

function sinkOf(type: string, block: Block, environment: Environment): SinkSettings {
  block.ignore('type')
  if (type !== 'file') throw new AgentConfigError(`a sink of the type "${type}" is not known`)
  const config = block.map('config')
  const path = config['path'] ?? ''
  if (path === '') throw new AgentConfigError(`${block.where}config.path is missing`)
  const written = config['mode'] ?? ''
  const mode = written === '' ? 0o640 : /^0[0-7]{3}$/.test(written) ? Number.parseInt(written, 8) : Number(written)
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) throw new AgentConfigError(`${block.where}config.mode: expected permissions such as 0640`)
  const sink = { path, mode, wrapTtlSeconds: block.seconds('wrap_ttl', 0), sealing: sealingOf(block, environment) }
  block.finish()
  return sink
}

function sealingOf(block: Block, environment: Environment): SinkSealing | null {
  const [type, publicKeyFile, written, variable] = [block.text('dh_type'), block.text('dh_path'), block.text('aad'), block.text('aad_env_var')]
  const derives = block.flag('derive_key')
  if (type === '') {
    if (publicKeyFile !== '' || written !== '' || variable !== '' || derives) throw new AgentConfigError(`${block.where}dh_type is missing: dh_path, aad, aad_env_var and derive_key belong to it`)
    return null
  }
  if (type !== 'curve25519') throw new AgentConfigError(`${block.where}dh_type: expected curve25519`)
  if (publicKeyFile === '') throw new AgentConfigError(`${block.where}dh_path is missing`)
  if (written !== '' && variable !== '') throw new AgentConfigError(`${block.where}aad and aad_env_var do not go together`)
  const additionalData = variable === '' ? written : environment[variable]
  if (additionalData === undefined) throw new AgentConfigError(`${block.where}aad_env_var: there is no variable ${JSON.stringify(variable)}`)
  return { publicKeyFile, additionalData, derives }
}
