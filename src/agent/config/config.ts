/** The configuration of an agent, in the keys that Vault Agent has. */
import type { Environment } from '../../../client/src/node/environment.ts'
import type { HclRecord } from '../../kit/hcl/decode.ts'
import { authOf } from './auth.ts'
import { cacheOf, consistencyOf } from './cache.ts'
import { AgentConfigError, Block } from './entries.ts'
import { listenerOf, tokenRuleOf } from './listener.ts'
import { logOf } from './log.ts'
import type { AgentConfig, AgentMode, ConnectionUse, ExecSettings, ServerSettings, TemplateSettings } from './settings.ts'
import { telemetryOf } from './telemetry.ts'

/** Several files are taken together: blocks are joined, and of plain values the last one counts. Throws `AgentConfigError`. */
export function agentConfigOf(record: HclRecord, mode: AgentMode, environment: Environment, hostname: string): AgentConfig {
  const root = new Block('', record)
  const vault = root.block('vault')
  const auth = root.block('auto_auth')
  const proxy = root.block('api_proxy')
  const { cache, tokenRule, warnings } = cacheOf(root.block('cache'))
  const reauth = reauthOf(auth)
  const figures = telemetryOf(root.block('telemetry'), hostname)
  const proxyRule = tokenRuleOf(proxy)
  if (tokenRule !== null && proxyRule !== null) throw new AgentConfigError('use_auto_auth_token is in api_proxy and in cache: leave it in api_proxy')
  const config: AgentConfig = {
    server: serverOf(vault ?? new Block('vault.', {})),
    ...authOf(auth, environment),
    ...(mode === 'agent' ? rendered(root) : nothingRendered),
    exitAfterAuth: root.flag('exit_after_auth'),
    pidFile: root.text('pid_file'),
    listeners: root.labelled('listener').map(({ label, block }) => listenerOf(label, block, mode)),
    tokenRule: proxyRule ?? tokenRule ?? 'own',
    cache,
    log: logOf(root),
    unkept: unkeptOf(root),
    telemetry: figures.telemetry,
    warnings: [...reauth, ...warnings, ...consistencyOf(proxy), ...figures.warnings],
  }
  proxy?.finish()
  root.finish()
  check(config, mode, proxy !== null)
  return config
}

/** New credentials are read when the next login is due. */
const reauthOf = (auth: Block | null): string[] => (auth?.flag('enable_reauth_on_new_credentials') === true ? ['auto_auth.enable_reauth_on_new_credentials has no effect: new credentials are read at the next login'] : [])

type Rendered = Pick<AgentConfig, 'templates' | 'variables' | 'exec' | 'exitOnRetryFailure' | 'staticIntervalSeconds' | 'leaseThreshold'>

const rendered = (root: Block): Rendered => ({
  templates: root.blocks('template').map((block, i) => templateOf(block, `template ${i + 1}`)),
  variables: root.labelled('env_template').map(({ label, block }) => variableOf(block, label)),
  exec: execOf(root.block('exec')),
  ...templateConfigOf(root.block('template_config') ?? new Block('template_config.', {})),
})

const nothingRendered: Rendered = { templates: [], variables: [], exec: null, exitOnRetryFailure: false, staticIntervalSeconds: 300, leaseThreshold: 0.85 }

/** The parts of an agent by the names that `disable_idle_connections` and `disable_keep_alives` have for them. */
const uses: Readonly<Record<string, ConnectionUse>> = { 'auto-auth': 'auto-auth', templating: 'templating', caching: 'proxying', proxying: 'proxying' }

function unkeptOf(root: Block): ReadonlySet<ConnectionUse> {
  const named = ['disable_idle_connections', 'disable_keep_alives'].flatMap((key) => root.texts(key).map((name) => ({ key, name })))
  return new Set(named.map(({ key, name }) => {
    const use = Object.hasOwn(uses, name) ? uses[name] : undefined
    if (use === undefined) throw new AgentConfigError(`${key}: expected ${Object.keys(uses).join(', ')}`)
    return use
  }))
}

function check(config: AgentConfig, mode: AgentMode, hasProxy: boolean): void {
  const { exec, variables, templates, method, sinks, listeners, tokenRule, cache } = config
  const fails = (condition: boolean, message: string): void => {
    if (condition) throw new AgentConfigError(message)
  }
  const renders = templates.length + variables.length > 0
  const wraps = method !== null && method.wrapTtlSeconds > 0
  fails(exec !== null && variables.length === 0, 'exec needs at least one env_template')
  fails(variables.length > 0 && exec === null, 'env_template needs exec')
  fails(variables.length > 0 && templates.length > 0, 'env_template and template do not go together')
  fails(variables.length > 0 && hasProxy, 'env_template and api_proxy do not go together')
  fails(method === null && sinks.length > 0, 'a sink needs auto_auth')
  fails(wraps && renders, 'auto_auth.method.wrap_ttl does not go together with templates: the agent itself could not use the token')
  fails(wraps && tokenRule !== 'own', 'auto_auth.method.wrap_ttl does not go together with use_auto_auth_token: the agent itself could not use the token')
  fails(wraps && sinks.length > 1, 'auto_auth.method.wrap_ttl allows one sink: a wrapped token can be unwrapped once')
  fails(wraps && sinks.some(({ wrapTtlSeconds }) => wrapTtlSeconds > 0), 'auto_auth.method.wrap_ttl and the wrap_ttl of a sink do not go together')
  fails(hasProxy && listeners.length === 0, 'api_proxy needs at least one listener')
  fails(cache !== null && listeners.length === 0 && !renders, `cache needs at least one listener${mode === 'agent' ? ' or template' : ''}`)
  fails(method === null && tokenRule !== 'own', 'use_auto_auth_token needs auto_auth')
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
    retries: retriesOf(retry?.integer('num_retries', 0) ?? 0),
  }
  retry?.finish()
  block.finish()
  return server
}

/** As in Vault: 0 is the standard, and what is below it none. */
const retriesOf = (written: number): number => (written === 0 ? 12 : Math.max(0, written))

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
