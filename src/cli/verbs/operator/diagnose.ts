/** `operator diagnose`: why the command and the server do not get on, step by step. */
import { ClientError } from '../../../../client/src/errors.ts'
import type { Api } from '../../api.ts'
import { defineCommand, type Session } from '../../command.ts'
import { describeError } from '../../describe-failure.ts'
import { exitCodes } from '../../failure.ts'
import { overridingVariable } from '../../saved-token.ts'
import { parseSecret } from '../../secret.ts'

type Verdict = 'success' | 'warning' | 'failure'
interface Finding {
  readonly verdict: Verdict
  readonly check: string
  readonly text: string
}

export const command = defineCommand({
  name: 'operator diagnose',
  summary: 'Check address, server and token',
  description: 'Looks from the outside, as every other command does. Exit code 0: all is well; 2: something failed.',
  flags: {},
  output: ['format'],
  async run(session) {
    const api = await session.api()
    const findings: Finding[] = [addressFinding(api)]
    const health = await ask(api, 'sys/health')
    findings.push(health === null ? { verdict: 'failure', check: 'server', text: await unreachable(api) } : await sealFinding(api))
    if (health !== null) findings.push(clockFinding(session, health), await tokenFinding(session, api))
    if (session.print.isTable) findings.forEach(({ verdict, check, text }) => session.print.line(`[ ${verdict} ] ${check}: ${text}`))
    else await session.print.data(findings)
    return findings.some(({ verdict }) => verdict === 'failure') ? exitCodes.remote : 0
  },
})

function addressFinding({ address }: Api): Finding {
  const isPlain = address.startsWith('http://') && !/^http:\/\/(?:127\.|localhost|\[::1\])/.test(address)
  const text = isPlain ? `${address} is reached without TLS: whoever is in between reads every secret` : address
  return { verdict: isPlain ? 'warning' : 'success', check: 'address', text }
}

/** The data of an answer, whatever its status; null when there is none. */
async function ask(api: Api, path: string): Promise<Readonly<Record<string, unknown>> | null> {
  try {
    return parseSecret((await api.send('GET', path, { wrap: false })).text)?.data ?? {}
  } catch {
    return null // What prevented it is asked for, and told, by `unreachable`.
  }
}

async function unreachable(api: Api): Promise<string> {
  try {
    await api.send('GET', 'sys/health', { wrap: false })
    return 'the answer is not that of a Vault API server'
  } catch (error) {
    return error instanceof ClientError ? describeError(error).split('\n')[0] ?? '' : String(error)
  }
}

async function sealFinding(api: Api): Promise<Finding> {
  const status = (await ask(api, 'sys/seal-status')) ?? {}
  if (status['initialized'] !== true) return { verdict: 'failure', check: 'server', text: 'not initialised: run "operator init"' }
  if (status['sealed'] === true) return { verdict: 'failure', check: 'server', text: 'sealed: run "operator unseal"' }
  return { verdict: 'success', check: 'server', text: `version ${String(status['version'])}, unsealed` }
}

const skewMax = 30

function clockFinding(session: Session, health: Readonly<Record<string, unknown>>): Finding {
  const skew = Math.abs(session.host.now() / 1000 - Number(health['server_time_utc'] ?? Number.NaN))
  const isOff = skew > skewMax
  const difference = `differs from the server's by ${Math.round(skew)} seconds: tokens and certificates may seem to be expired`
  const text = isOff ? difference : "agrees with the server's"
  return { verdict: isOff ? 'warning' : 'success', check: 'clock', text }
}

async function tokenFinding({ host }: Session, api: Api): Promise<Finding> {
  if (api.token === '') return { verdict: 'warning', check: 'token', text: 'there is none: run "login"' }
  const origin = overridingVariable(host) ?? 'the saved one'
  const answer = await api.send('GET', 'auth/token/lookup-self', { wrap: false })
  if (answer.status !== 200) return { verdict: 'failure', check: 'token', text: `${origin} is refused (${answer.status})` }
  const data = parseSecret(answer.text)?.data
  return { verdict: 'success', check: 'token', text: `${origin}, policies ${JSON.stringify(data?.['policies'] ?? [])}` }
}
