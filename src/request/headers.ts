/** Request headers that mean something to the server, checked before anything else is done. */
import type { Mount } from '../core/mounts/table.ts'
import { badRequest } from '../kit/errors.ts'
import type { WireRequest } from './wire.ts'

const none: WireRequest['headers'] = Object.freeze({})
/** Whatever a mount is tuned to: these prove who the caller is to this server, and engines have no business with them (GO-2026-5199). */
const isOwn = (name: string, token: string | null, value: string | readonly string[]): boolean =>
  name.startsWith('x-vault-') || name.startsWith('x-coffer-') || name === 'cookie' || name === 'proxy-authorization' || (token !== null && String(value).includes(token))

/** The request headers that the engine of a mount gets to see: those that the mount was tuned to pass, and no others. */
export function passedHeaders(wire: WireRequest, { record }: Mount): WireRequest['headers'] {
  const names = record.config.passthrough_request_headers
  if (names === undefined || names.length === 0) return none
  const passed: Record<string, string | readonly string[]> = {}
  for (const name of names.map((n) => n.toLowerCase())) {
    const value = Object.hasOwn(wire.headers, name) ? wire.headers[name] : undefined
    if (value !== undefined && !isOwn(name, wire.token, value)) passed[name] = value
  }
  return passed
}

/** Throws `bad_request` for headers that cannot be understood: passing over a second factor in silence would mislead. */
export function checkHeaders(wire: WireRequest): void {
  for (const value of wire.headerValues('x-vault-mfa')) {
    const [method, code] = value.split(':')
    if (method === undefined || method.trim() === '' || (value.includes(':') && (code ?? '').trim() === '')) throw badRequest('the header X-Vault-MFA must be METHOD or METHOD:PASSCODE')
  }
  const override = wire.headers['x-vault-policy-override']
  if (override !== undefined && !/^(?:1|t|T|true|TRUE|True|0|f|F|false|FALSE|False)$/.test(String(override))) throw badRequest('the header X-Vault-Policy-Override must be true or false')
}
