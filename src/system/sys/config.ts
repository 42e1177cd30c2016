/** `sys/config`: CORS, headers of the console, the state of the configuration, reloading. */
import { namedStore, opaqueStore } from '../../core/base.ts'
import { bumpGeneration } from '../../core/generation.ts'
import { corsRecords } from '../../core/live.ts'
import { ApiError, badRequest } from '../../kit/errors.ts'
import { defaulted, flag, list, text } from '../../kit/fields.ts'
import { records } from '../../kit/records.ts'
import { listed, reply } from '../../kit/result.ts'
import { systemPath } from '../call.ts'
import { listItem } from '../errors.ts'

/** Headers that browsers may always send, besides those that are configured. */
const standardHeaders = [
  'Content-Type', 'X-Requested-With', 'X-Vault-AWS-IAM-Server-ID', 'X-Vault-MFA', 'X-Vault-No-Request-Forwarding', 'X-Vault-Wrap-Format', 'X-Vault-Wrap-TTL',
  'X-Vault-Policy-Override', 'Authorization', 'X-Vault-Token',
]

const cors = systemPath('config/cors')

const corsOperations = [
  cors.read({
    summary: 'Show which pages of other origins may use the API.',
    access: 'sudo',
    async handle({ core }) {
      const found = await corsRecords.read(namedStore(core))
      const data = found === null ? { enabled: false } : { enabled: true, allowed_origins: found.allowedOrigins, allowed_headers: found.allowedHeaders }
      return reply({ data, repeatedAtTop: true })
    },
  }),
  cors.write({
    summary: 'Let pages of other origins use the API.',
    access: 'sudo',
    input: {
      allowed_origins: defaulted(list('Origins, or `*` alone for all.'), []),
      allowed_headers: defaulted(list('Further request headers that they may send.'), []),
      enable: defaulted(flag('Accepted for old clients.'), true),
    },
    handle({ core, unit, input }) {
      if (input.allowed_origins.length === 0) throw badRequest(listItem('at least one origin or the wildcard must be provided'))
      if (input.allowed_origins.includes('*') && input.allowed_origins.length > 1) throw badRequest(listItem("to allow all origins the '*' must be the only value for allowed_origins"))
      const allowedHeaders = [...new Set([...standardHeaders, ...input.allowed_headers])]
      corsRecords.write(unit.on(namedStore(core)), { enabled: true, allowedOrigins: input.allowed_origins, allowedHeaders })
      bumpGeneration(unit.on(opaqueStore(core)))
      return null
    },
  }),
  cors.delete({
    summary: 'Let no page of another origin use the API.',
    access: 'sudo',
    handle({ core, unit }) {
      corsRecords.remove(unit.on(namedStore(core)))
      bumpGeneration(unit.on(opaqueStore(core)))
      return null
    },
  }),
]

const uiHeaders = records<{ readonly name: string; readonly values: readonly string[] }, [name: string]>((name) => `config/ui-headers/${encodeURIComponent(name)}`)
const uiHeader = systemPath('config/ui/headers/{header}', { header: text('Name of the header.') })

const uiOperations = [
  systemPath('config/ui/headers').list({
    summary: 'List the headers that the console is served with.',
    access: 'sudo',
    handle: async ({ core }) => listed((await namedStore(core).list('config/ui-headers/')).map(decodeURIComponent)),
  }),
  uiHeader.read({
    summary: 'Show a header that the console is served with.',
    access: 'sudo',
    input: { multivalue: defaulted(flag('Show all values.'), false) },
    async handle({ core, params, input }) {
      const found = await uiHeaders.read(namedStore(core), params.header)
      if (found === null) return null
      return input.multivalue ? { values: found.values } : { value: found.values[0] ?? '' }
    },
  }),
  uiHeader.write({
    summary: 'Serve the console with a header.',
    access: 'sudo',
    input: { values: defaulted(list('Its values.'), []), multivalue: defaulted(flag('Accepted for old clients.'), false) },
    handle({ core, unit, params, input }) {
      if (/^x-vault-/i.test(params.header)) throw badRequest('X-Vault headers cannot be set')
      if (input.values.length === 0) throw badRequest('header and values must be specified')
      if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(params.header)) throw badRequest('the name of the header holds characters that headers cannot have')
      uiHeaders.write(unit.on(namedStore(core)), { name: params.header, values: input.values }, params.header)
      return reply({ status: 200 })
    },
  }),
  uiHeader.delete({
    summary: 'Serve the console without a header.',
    access: 'sudo',
    handle({ core, unit, params }) {
      uiHeaders.remove(unit.on(namedStore(core)), params.header)
      return null
    },
  }),
]

const state = systemPath('config/state/sanitized').read({
  summary: 'The configuration of this server, without secrets.',
  access: 'sudo',
  handle: ({ core }) => ({ ...core.settings.sanitized }),
})

const reload = systemPath('config/reload/{subsystem}', { subsystem: text('`license` is all that old tools know.') }).write({
  summary: 'Reload a part of the configuration.',
  access: 'sudo',
  handle({ params }) {
    if (params.subsystem === 'license') return null
    throw new ApiError('unsupported_path', listItem('unsupported path'))
  },
})

export const configOperations = [...corsOperations, ...uiOperations, state, reload]
