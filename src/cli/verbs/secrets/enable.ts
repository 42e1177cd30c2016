/** `secrets enable TYPE`: mounts a secrets engine. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { bool } from '../../flags.ts'
import { configBody, enableFlags, given, optionsBody, settingFlags } from '../../mounts/settings.ts'
import { trimPath, withSlash } from '../../paths.ts'

export const command = defineCommand({
  name: 'secrets enable',
  summary: 'Enable a secrets engine',
  arguments: 'TYPE',
  examples: [
    ['A versioned key-value engine at team/:', 'secrets enable -path=team -version=2 kv'],
    ['An engine with shorter leases:', 'secrets enable -max-lease-ttl=1h database'],
  ],
  flags: { ...settingFlags, ...enableFlags, 'force-no-cache': bool('Never cache what it reads.') },
  args: { min: 1, max: 1 },
  completes: ['kv', 'kv-v2', 'transit', 'pki', 'ssh', 'database', 'totp'],
  async run(session) {
    const { flags } = session
    const typed = (session.args[0] ?? '').trim()
    const type = typed === 'plugin' ? (flags['plugin-name'] ?? typed) : typed
    const path = withSlash(trimPath(flags.path ?? type))
    const api = await session.api()
    const body = given({
      type,
      description: flags.description ?? '',
      config: { ...configBody(flags), ...(flags['force-no-cache'] ? { force_no_cache: true } : {}) },
      local: flags.local,
      seal_wrap: flags['seal-wrap'],
      external_entropy_access: flags['external-entropy-access'],
      options: optionsBody(flags),
    })
    await step('Error enabling', () => api.post(`sys/mounts/${trimPath(path)}`, body))
    const version = flags['plugin-version'] ? ` version ${flags['plugin-version']}` : ''
    session.print.line(`Success! Enabled the ${type} secrets engine${version} at: ${path}`)
  },
})
