/** Request headers that mean something to the server, checked before anything else is done. */
import { badRequest } from '../kit/errors.ts'
import type { WireRequest } from './wire.ts'

/** Throws `bad_request` for headers that cannot be understood: passing over a second factor in silence would mislead. */
export function checkHeaders(wire: WireRequest): void {
  for (const value of wire.headerValues('x-vault-mfa')) {
    const [method, code] = value.split(':')
    if (method === undefined || method.trim() === '' || (value.includes(':') && (code ?? '').trim() === '')) throw badRequest('the header X-Vault-MFA must be METHOD or METHOD:PASSCODE')
  }
  const override = wire.headers['x-vault-policy-override']
  if (override !== undefined && !/^(?:1|t|T|true|TRUE|True|0|f|F|false|FALSE|False)$/.test(String(override))) throw badRequest('the header X-Vault-Policy-Override must be true or false')
}
