/** `sys/audit`, `sys/audit-hash` and the request headers that audit devices write. */
import { createPublicKey } from 'node:crypto'
import { auditKeyId } from '../../core/audit/chain.ts'
import { namedStore, opaqueStore } from '../../core/base.ts'
import type { AuditDeviceRecord } from '../../core/audit/config.ts'
import { bumpGeneration } from '../../core/generation.ts'
import { auditDevices, auditHeaders } from '../../core/live.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, flag, lowerText, text, textMap } from '../../kit/fields.ts'
import { reply } from '../../kit/result.ts'
import { systemPath, type SystemCall } from '../call.ts'

const withSlash = (path: string): string => `${path.replace(/\/+$/, '')}/`
const path = { path: text('Path of the device.') }

const list = systemPath('audit').read({
  summary: 'Show the audit devices.',
  access: 'sudo',
  async handle({ core }) {
    const { auditDevices: devices } = await core.live.refresh()
    return reply({ data: Object.fromEntries(devices.map((device) => [device.path, show(device)])), repeatedAtTop: true })
  },
})

/** Without the salt: it would let anybody look for the values behind the hashes. */
const show = ({ path: at, type, description, local, options }: AuditDeviceRecord): Record<string, unknown> => ({ description, local, options, path: at, type })

const device = systemPath('audit/{path*}', path)

const enable = device.write({
  summary: 'Enable an audit device. A probe is written first: a device that does not work is refused.',
  access: 'sudo',
  input: {
    type: defaulted(text('file, socket or syslog.'), ''),
    description: defaulted(text('What it is for.'), ''),
    options: defaulted(textMap('Options of the device, such as `file_path`.'), {}),
    local: defaulted(flag('Accepted and shown; there is no replication.'), false),
  },
  async handle({ core, unit, params, input, random }) {
    if (!core.settings.auditOverApi) throw badRequest('audit devices are declared in the configuration of this server, not over the API')
    const at = withSlash(params.path)
    const named = unit.on(namedStore(core))
    if ((await auditDevices.read(named, at)) !== null) throw badRequest('path already in use')
    const record: AuditDeviceRecord = { path: at, type: input.type, description: input.description, local: input.local, options: { ...input.options }, salt: Buffer.from(random(32)).toString('base64') }
    const warnings = await core.audit.test(record, core.barrier.signingKey('audit-chain'))
    auditDevices.write(named, record, at)
    bumpGeneration(unit.on(opaqueStore(core)))
    return warnings.length === 0 ? null : reply({ warnings })
  },
})

const disable = device.delete({
  summary: 'Disable an audit device.',
  access: 'sudo',
  handle({ core, unit, params }) {
    auditDevices.remove(unit.on(namedStore(core)), withSlash(params.path))
    bumpGeneration(unit.on(opaqueStore(core)))
    return null
  },
})

const hash = systemPath('audit-hash/{path*}', path).write({
  summary: 'The hash under which a text stands in the log of a device.',
  input: { input: defaulted(text('The text.'), '') },
  async handle({ core, params, input }) {
    if (input.input === '') throw badRequest('the "input" parameter is empty')
    await core.live.refresh()
    const at = withSlash(params.path)
    if (!core.live.last().auditDevices.some((device) => device.path === at)) throw badRequest(`unknown audit backend ${JSON.stringify(at)}`)
    return reply({ data: { hash: core.audit.hash(at, input.input) }, repeatedAtTop: true })
  },
})

const header = systemPath('config/auditing/request-headers/{header}', { header: lowerText('Name of the header.') })

const headerOperations = [
  systemPath('config/auditing/request-headers').read({
    summary: 'Show which request headers the audit devices write.',
    access: 'sudo',
    handle: async (call) => reply({ data: { headers: await headersOf(call) }, repeatedAtTop: true }),
  }),
  header.read({
    summary: 'Show how the audit devices write a request header.',
    access: 'sudo',
    async handle({ core, params }) {
      const found = await auditHeaders.read(namedStore(core), params.header)
      if (found === null) throw badRequest('Could not find header in config')
      return reply({ data: { [found.name]: { hmac: found.hmac } }, repeatedAtTop: true })
    },
  }),
  header.write({
    summary: 'Let the audit devices write a request header.',
    access: 'sudo',
    input: { hmac: defaulted(flag('Hash its values.'), false) },
    handle({ core, unit, params, input }) {
      auditHeaders.write(unit.on(namedStore(core)), { name: params.header, hmac: input.hmac }, params.header)
      bumpGeneration(unit.on(opaqueStore(core)))
      return null
    },
  }),
  header.delete({
    summary: 'Let the audit devices leave a request header out.',
    access: 'sudo',
    handle({ core, unit, params }) {
      auditHeaders.remove(unit.on(namedStore(core)), params.header)
      bumpGeneration(unit.on(opaqueStore(core)))
      return null
    },
  }),
]

async function headersOf({ core }: SystemCall): Promise<Record<string, { hmac: boolean }>> {
  const named = namedStore(core)
  const found: Record<string, { hmac: boolean }> = {}
  for (const name of await named.list('config/audit-headers/')) {
    const record = await auditHeaders.read(named, decodeURIComponent(name))
    if (record !== null) found[record.name] = { hmac: record.hmac }
  }
  return found
}

const publicKey = systemPath('config/auditing/public-key').read({
  summary: 'The public key that the checkpoints of the audit log are signed with: `coffer audit verify` takes it.',
  handle({ core }) {
    const key = createPublicKey(core.barrier.signingKey('audit-chain'))
    return { key_id: auditKeyId(key), public_key: key.export({ type: 'spki', format: 'pem' }) }
  },
})

export const auditOperations = [publicKey, list, enable, disable, hash, ...headerOperations]
