/** `auth tune PATH`: settings of a mounted method. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { formatDuration } from '../../duration.ts'
import { choiceOfBool, duration, integer, text } from '../../flags.ts'
import { configBody, given, optionsBody, settingFlags } from '../../mounts/settings.ts'
import { trimPath, withSlash } from '../../paths.ts'

export const command = defineCommand({
  name: 'auth tune',
  summary: 'Change the settings of an auth method',
  arguments: 'PATH',
  description: 'Changes what the flags name; other settings stay.',
  examples: [['Lock users out after three failures:', 'auth tune -user-lockout-threshold=3 -user-lockout-duration=1h userpass']],
  flags: {
    ...settingFlags,
    'token-type': text('Kind of the tokens that logins get.'),
    'user-lockout-threshold': integer('Failed logins after which a user is locked out.'),
    'user-lockout-duration': duration('How long a user is locked out.'),
    'user-lockout-counter-reset-duration': duration('After what time without a failure counting begins anew.'),
    'user-lockout-disable': choiceOfBool('Never lock users out.'),
  },
  args: { min: 1, max: 1 },
  completes: 'auth-mount',
  async run(session) {
    const path = withSlash(trimPath(session.args[0] ?? ''))
    const { flags } = session
    const seconds = (value: number | undefined): string | undefined => (value === undefined ? undefined : formatDuration(value))
    const lockout = given({
      lockout_threshold: flags['user-lockout-threshold'] === undefined ? undefined : String(flags['user-lockout-threshold']),
      lockout_duration: seconds(flags['user-lockout-duration']),
      lockout_counter_reset_duration: seconds(flags['user-lockout-counter-reset-duration']),
      lockout_disable: flags['user-lockout-disable'],
    })
    const body = given({
      ...configBody(flags),
      description: flags.description,
      options: optionsBody(flags),
      token_type: flags['token-type'],
      user_lockout_config: Object.keys(lockout).length === 0 ? undefined : lockout,
    })
    const api = await session.api()
    await step(`Error tuning auth method ${path}`, () => api.post(`sys/mounts/auth/${path}tune`, body))
    session.print.line(`Success! Tuned the auth method at: ${path}`)
  },
})
