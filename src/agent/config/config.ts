/** The configuration of an agent, in the keys that Vault Agent has. */
import type { HclRecord } from '../../kit/hcl/decode.ts'
import { AgentConfigError, Block } from './entries.ts'

export interface ServerSettings {
  readonly address: string
  readonly namespace: string
  readonly caCert: string
  readonly caPath: string
  readonly clientCert: string
  readonly clientKey: string
  readonly skipVerify: boolean
  readonly serverName: string
  /** Of a request that failed for a reason that passes; 0 is none. */
  readonly retries: number
}

export interface MethodSettings {
  readonly type: string
  /** `auth/approle`, without a slash at the end. */
  readonly mountPath: string
  readonly namespace: string
  /** Seconds; 0: the token comes as it is. */
  readonly wrapTtlSeconds: number
  readonly minBackoffSeconds: number
  readonly maxBackoffSeconds: number
  readonly exitOnError: boolean
  readonly values: Readonly<Record<string, string>>
}

export interface SinkSettings {
  readonly path: string
  readonly mode: number
  /** Seconds; 0: the token itself is written. */
  readonly wrapTtlSeconds: number
}

export interface TemplateSettings {
  /** For messages. */
  readonly name: string
  /** A file, or '' where `contents` is the template. */
  readonly source: string
  readonly contents: string
  /** A file, or the name of a variable in `env_template`. */
  readonly destination: string
  readonly createFolders: boolean
  /** Null: as the file had it before, or 0644. */
  readonly mode: number | null
  readonly user: string
  readonly group: string
  readonly backup: boolean
  readonly errorOnMissingKey: boolean
  readonly left: string
  readonly right: string
  /** Run after a change; empty: nothing. One element is for a shell. */
  readonly command: readonly string[]
  readonly commandTimeoutSeconds: number
  /** Files that the template may read and write; '' is no bound. */
  readonly sandbox: string
}

export interface ExecSettings {
  readonly command: readonly string[]
  readonly restartOnChange: boolean
  readonly stopSignal: NodeJS.Signals
}

export interface AgentConfig {
  readonly server: ServerSettings
  readonly method: MethodSettings | null
  readonly sinks: readonly SinkSettings[]
  readonly templates: readonly TemplateSettings[]
  readonly variables: readonly TemplateSettings[]
  readonly exec: ExecSettings | null
  readonly exitAfterAuth: boolean
  readonly pidFile: string
  readonly exitOnRetryFailure: boolean
  readonly staticIntervalSeconds: number
  /** Of the life of a lease that cannot be renewed: when its secret is read anew. */
  readonly leaseThreshold: number
  readonly warnings: readonly string[]
}

/** Several files are taken together: blocks are joined, and of plain values the last one counts. Throws `AgentConfigError`. */
export function agentConfigOf(record: HclRecord): AgentConfig {
  const root = new Block('', record)
  const vault = root.block('vault')
  const auth = root.block('auto_auth')
  const config: AgentConfig = {
    server: serverOf(vault ?? new Block('vault.', {})),
    ...authOf(auth),
    templates: root.blocks('template').map((block, i) => templateOf(block, `template ${i + 1}`)),
    variables: root.labelled('env_template').map(({ label, block }) => variableOf(block, label)),
    exec: execOf(root.block('exec')),
    exitAfterAuth: root.flag('exit_after_auth'),
    pidFile: root.text('pid_file'),
    ...templateConfigOf(root.block('template_config') ?? new Block('template_config.', {})),
    warnings: root.ignore('log_level', 'log_format', 'log_file', 'log_rotate_duration', 'log_rotate_bytes', 'log_rotate_max_files', 'telemetry', 'disable_idle_connections', 'disable_keep_alives')
      .filter((key) => !key.startsWith('log_')).map((key) => `${key} has no effect here`),
  }
  for (const key of ['cache', 'api_proxy', 'listener']) if (root.ignore(key).length > 0) throw new AgentConfigError(`${key} is not supported: applications talk to the server itself`)
  root.finish()
  check(config)
  return config
}

function check({ exec, variables, templates, method, sinks }: AgentConfig): void {
  if (exec !== null && variables.length === 0) throw new AgentConfigError('exec needs at least one env_template')
  if (variables.length > 0 && exec === null) throw new AgentConfigError('env_template needs exec')
  if (variables.length > 0 && templates.length > 0) throw new AgentConfigError('env_template and template do not go together')
  if (method === null && sinks.length > 0) throw new AgentConfigError('a sink needs auto_auth')
  if (method !== null && method.wrapTtlSeconds > 0 && (templates.length > 0 || variables.length > 0)) throw new AgentConfigError('auto_auth.method.wrap_ttl does not go together with templates: the agent itself could not use the token')
}

function serverOf(block: Block): ServerSettings {
  const retry = block.block('retry')
  const server: ServerSettings = {
    address: block.text('address'),
    namespace: block.text('namespace'),
    caCert: block.text('ca_cert'),
    caPath: block.text('ca_path'),
    clientCert: block.text('client_cert'),
    clientKey: block.text('client_key'),
    skipVerify: block.flag('tls_skip_verify'),
    serverName: block.text('tls_server_name'),
    retries: Math.max(0, retry?.integer('num_retries', 12) ?? 12),
  }
  retry?.finish()
  block.finish()
  return server
}

function authOf(block: Block | null): Pick<AgentConfig, 'method' | 'sinks'> {
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

function templateOf(block: Block, name: string): TemplateSettings {
  const exec = block.block('exec')
  const legacy = block.texts('command')
  const template: TemplateSettings = {
    ...textOf(block, name),
    destination: block.needed('destination'),
    createFolders: block.flag('create_dest_dirs', true),
    mode: block.mode('perms'),
    user: block.text('user'),
    group: block.text('group'),
    backup: block.flag('backup'),
    command: exec === null ? legacy : exec.texts('command'),
    commandTimeoutSeconds: exec === null ? block.seconds('command_timeout', 30) : exec.seconds('timeout', 30),
  }
  block.ignore('wait', 'command_timeout')
  exec?.finish()
  block.finish()
  return template
}

function variableOf(block: Block, name: string): TemplateSettings {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new AgentConfigError(`env_template: ${JSON.stringify(name)} is no name of a variable`)
  const template = { ...textOf(block, `env_template ${name}`), destination: name, createFolders: false, mode: null, user: '', group: '', backup: false, command: [], commandTimeoutSeconds: 0 }
  block.finish()
  return template
}

function textOf(block: Block, name: string): Pick<TemplateSettings, 'name' | 'source' | 'contents' | 'errorOnMissingKey' | 'left' | 'right' | 'sandbox'> {
  const source = block.text('source')
  const contents = block.text('contents')
  if ((source === '') === (contents === '')) throw new AgentConfigError(`${name}: one of source and contents is needed, and only one`)
  return {
    name: source || name,
    source,
    contents,
    errorOnMissingKey: block.flag('error_on_missing_key'),
    left: block.text('left_delimiter', '{{'),
    right: block.text('right_delimiter', '}}'),
    sandbox: block.text('sandbox_path'),
  }
}

const stopSignals: ReadonlySet<string> = new Set(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGKILL'])

function execOf(block: Block | null): ExecSettings | null {
  if (block === null) return null
  const command = block.texts('command')
  if (command.length === 0 || command[0] === '') throw new AgentConfigError('exec.command is missing')
  const restart = block.text('restart_on_secret_changes', 'always')
  if (restart !== 'always' && restart !== 'never') throw new AgentConfigError('exec.restart_on_secret_changes: expected "always" or "never"')
  const stopSignal = block.text('restart_stop_signal', 'SIGTERM').toUpperCase()
  if (!stopSignals.has(stopSignal)) throw new AgentConfigError(`exec.restart_stop_signal: expected one of ${[...stopSignals].join(', ')}`)
  block.finish()
  return { command, restartOnChange: restart === 'always', stopSignal: stopSignal as NodeJS.Signals }
}

function templateConfigOf(block: Block): Pick<AgentConfig, 'exitOnRetryFailure' | 'staticIntervalSeconds' | 'leaseThreshold'> {
  const written = block.text('lease_renewal_threshold', '0.85')
  const leaseThreshold = Number(written)
  if (!(leaseThreshold > 0 && leaseThreshold <= 1)) throw new AgentConfigError('template_config.lease_renewal_threshold: expected a number between 0 and 1')
  const config = {
    exitOnRetryFailure: block.flag('exit_on_retry_failure'),
    staticIntervalSeconds: Math.max(1, block.seconds('static_secret_render_interval', 300)),
    leaseThreshold,
  }
  block.ignore('max_connections_per_host')
  block.finish()
  return config
}
