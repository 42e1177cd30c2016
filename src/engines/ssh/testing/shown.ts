/** What OpenSSH's own tool shows of a certificate, for tests. */
import { spawnSync } from 'node:child_process'

export interface Shown {
  readonly type: string
  readonly keyId: string
  readonly serial: string
  /** Milliseconds since 1970. */
  readonly from: number
  readonly to: number
  readonly principals: readonly string[]
  readonly criticalOptions: readonly string[]
  readonly extensions: readonly string[]
}

/** Runs `ssh-keygen -L` over one line. */
export function showCertificate(line: string): Shown {
  const { stdout, stderr } = spawnSync('ssh-keygen', ['-L', '-f', '-'], { input: line, encoding: 'utf8', env: { ...process.env, TZ: 'UTC', LC_ALL: 'C.UTF-8' } })
  const one = (pattern: RegExp): string => {
    const found = pattern.exec(stdout)?.[1]
    if (found === undefined) throw new Error(`${String(pattern)} is not in what ssh-keygen shows: ${stdout}${stderr}`)
    return found
  }
  const items = (title: string): string[] => one(new RegExp(`^ {8}${title}: ([^]*?)(?=^ {8}\\S|(?![^]))`, 'm')).split('\n').map((item) => item.trim()).filter((item) => item !== '' && item !== '(none)')
  const [, from = '', to = ''] = /Valid: from (\S+) to (\S+)/.exec(stdout) ?? []
  return {
    type: one(/Type: (.*)/), keyId: one(/Key ID: "(.*)"/), serial: one(/Serial: (\d+)/), from: Date.parse(`${from}Z`), to: Date.parse(`${to}Z`),
    principals: items('Principals'), criticalOptions: items('Critical Options'), extensions: items('Extensions'),
  }
}
