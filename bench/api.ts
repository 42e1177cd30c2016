/** A plain client for preparing and cleaning up a benchmark. */

export interface Target {
  /** `http://127.0.0.1:8200` */
  readonly addr: string
  readonly token: string
}

const retries = 60
const pause = (milliseconds: number): Promise<void> => new Promise((done) => setTimeout(done, milliseconds))

/** Sends a request below `/v1/` and returns the parsed answer ({} when empty); throws with the server's words on a refusal. */
export async function call({ addr, token }: Target, method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
  for (let tries = 0; ; tries++) {
    const headers = { ...(token && { 'X-Vault-Token': token }), 'Content-Type': 'application/json' }
    const response = await fetch(`${addr}/v1/${path}`, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) })
    const text = await response.text()
    if (response.ok) return text ? (JSON.parse(text) as Record<string, unknown>) : {}
    // A new KV version 2 mount refuses requests for a moment.
    if (tries >= retries || !text.includes('Upgrading from non-versioned')) throw new Error(`${method} ${path}: ${response.status} ${text.trim()}`)
    await pause(50)
  }
}

/** A text inside an answer, such as `auth.client_token`; throws when it is not there. */
export function textAt(answer: unknown, path: string): string {
  const found = path.split('.').reduce((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], answer)
  if (typeof found !== 'string') throw new Error(`the answer has no ${path}`)
  return found
}
