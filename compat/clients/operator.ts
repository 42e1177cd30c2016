/** The token with which a guide runs: what its policy says, and no more. */
import { request } from 'node:http'
import type { TestServer } from '../server.ts'
import { operatorPolicy } from './guides.ts'

function post({ addr, token }: TestServer, path: string, body: unknown): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(`${addr}/v1/${path}`, { method: 'POST', agent: false, headers: { 'X-Vault-Token': token } }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () => ((response.statusCode ?? 500) < 300 ? resolve(text) : reject(new Error(`${path}: ${response.statusCode} ${text}`))))
    })
    call.on('error', reject).end(JSON.stringify(body))
  })
}

/** Writes the operator's policy and makes a token with it. */
export async function createOperator(server: TestServer): Promise<string> {
  await post(server, 'sys/policies/acl/operator', { policy: operatorPolicy })
  const made = await post(server, 'auth/token/create', { policies: ['operator'] })
  return (JSON.parse(made) as { auth: { client_token: string } }).auth.client_token
}
