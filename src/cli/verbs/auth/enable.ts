/** `auth enable TYPE`: mounts an auth method. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { text } from '../../flags.ts'
import { configBody, enableFlags, given, optionsBody, settingFlags } from '../../mounts/settings.ts'
import { trimPath, withSlash } from '../../paths.ts'

export const command = defineCommand({
  name: 'auth enable',
  summary: 'Enable an auth method',
  arguments: 'TYPE',
  examples: [
    ['Names and passwords:', 'auth enable userpass'],
    ['Applications, at apps/:', 'auth enable -path=apps approle'],
  ],
  flags: { ...settingFlags, ...enableFlags, 'token-type': text('Kind of the tokens that logins get.') },
  args: { min: 1, max: 1 },
  completes: ['approle', 'cert', 'jwt', 'kubernetes', 'ldap', 'userpass'],
  async run(session) {
    const { flags } = session
    const typed = (session.args[0] ?? '').trim()
    const type = typed === 'plugin' ? (flags['plugin-name'] ?? typed) : typed
    const path = withSlash(trimPath(flags.path ?? type))
    const api = await session.api()
    const body = given({
      type,
      description: flags.description ?? '',
      config: given({ ...configBody(flags), token_type: flags['token-type'] }),
      local: flags.local,
      seal_wrap: flags['seal-wrap'],
      external_entropy_access: flags['external-entropy-access'],
      options: optionsBody(flags),
    })
    await step(`Error enabling ${type} auth`, () => api.post(`sys/auth/${trimPath(path)}`, body))
    const version = flags['plugin-version'] ? ` version ${flags['plugin-version']}` : ''
    session.print.line(`Success! Enabled ${type} auth method${version} at: ${path}`)
  },
})
