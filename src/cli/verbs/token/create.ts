/** `token create`: a new token, child of the one in use. */
import { defineCommand } from '../../command.ts'
import { formatDuration } from '../../duration.ts'
import { step } from '../../describe-failure.ts'
import { remoteError } from '../../failure.ts'
import { bool, choiceOfBool, duration, integer, list, map, text, withDefault } from '../../flags.ts'

export const command = defineCommand({
  name: 'token create',
  summary: 'Create a token',
  description: 'Creates a token that is a child of the one in use: it is revoked with its parent, unless it is an orphan.',
  examples: [
    ['With two policies, for a day:', 'token create -policy=web -policy=metrics -ttl=24h'],
    ['One that lives as long as it is renewed every hour:', 'token create -policy=web -period=1h -orphan'],
    ['Hand it to somebody wrapped:', 'token create -policy=web -wrap-ttl=5m'],
  ],
  flags: {
    id: text('The token itself, instead of a random one. Needs sudo.'),
    'display-name': text('A name that shows in logs and in names of credentials.'),
    ttl: duration('Life time; renewals may extend it.'),
    'explicit-max-ttl': duration('Life time that no renewal extends.'),
    period: duration('Every renewal is for this long, and there is no maximum. Needs sudo.'),
    renewable: withDefault(choiceOfBool('Whether it can be renewed.'), true),
    orphan: bool('No parent: it outlives the token in use. Needs sudo.'),
    'no-default-policy': bool('Leave the policy "default" away.'),
    'use-limit': integer('How many requests it is good for.'),
    role: text('Role to create it by; what the role says wins over other flags.'),
    type: withDefault(text('Kind of token.', { values: ['service', 'batch'] }), 'service'),
    metadata: map('Note for the audit log, key=value. May be given several times.'),
    policy: list('Policy of the token. May be given several times. Default: those of the token in use.'),
    'entity-alias': text('Alias of the entity to act as; with -role only.'),
  },
  output: ['field', 'format'],
  async run(session) {
    const { flags } = session
    const body = {
      ...(flags.id ? { id: flags.id } : {}),
      ...(flags.policy === undefined ? {} : { policies: flags.policy }),
      ...(flags.metadata === undefined ? {} : { meta: flags.metadata }),
      ttl: formatDuration(flags.ttl ?? 0),
      explicit_max_ttl: formatDuration(flags['explicit-max-ttl'] ?? 0),
      period: formatDuration(flags.period ?? 0),
      ...(flags.orphan ? { no_parent: true } : {}),
      ...(flags['no-default-policy'] ? { no_default_policy: true } : {}),
      display_name: flags['display-name'] ?? '',
      num_uses: flags['use-limit'] ?? 0,
      renewable: flags.renewable && flags.type !== 'batch',
      type: flags.type,
      entity_alias: flags['entity-alias'] ?? '',
    }
    const api = await session.api()
    const path = flags.role ? `auth/token/create/${flags.role}` : 'auth/token/create'
    const secret = await step('Error creating token', () => api.post(path, body))
    if (secret === null) throw remoteError('Error creating token: the answer is empty')
    await session.print.secret(secret)
  },
})
