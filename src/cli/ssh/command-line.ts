/** What an `ssh` command line says of where it leads: user, host and port, wherever OpenSSH takes them. */
import { usageError } from '../failure.ts'

export interface SshTarget {
  readonly host: string
  /** '' when it is not said. */
  readonly user: string
  readonly port: string
}

/** Flags of OpenSSH's ssh(1) that take a value. */
const valued = new Set('BbcDEeFIiJLlmOoPpQRSWw')

/** The line is in the words of ssh: options, `[user@]host`, more options, and what is to run there. Throws `Failure` (1) when there is no host. */
export function parseSshLine(args: readonly string[]): SshTarget {
  const said: Said = { user: '', port: '', login: '' }
  let place: string | null = null
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? ''
    if (word === '--' || !word.startsWith('-')) {
      if (place !== null) break
      place = word === '--' ? (args[++at] ?? '') : word
      continue
    }
    const flags = word.slice(1)
    const index = [...flags].findIndex((letter) => valued.has(letter))
    if (index < 0) continue
    const rest = flags.slice(index + 1)
    take(said, flags.charAt(index), rest === '' ? (args[++at] ?? '') : rest)
  }
  if (place === null || place === '') throw usageError('No host: write [user@]host, and options of ssh after it.')
  return targetOf(place, said)
}

interface Said {
  user: string
  port: string
  /** Of `-l`, which counts more than an option. */
  login: string
}

/** What is said first counts, as in ssh itself. */
function take(said: Said, flag: string, value: string): void {
  if (flag === 'p') said.port ||= value
  if (flag === 'l') said.login ||= value
  if (flag !== 'o') return
  const [, name = '', setting = ''] = /^\s*(\w+)\s*[= ]\s*(.*?)\s*$/.exec(value) ?? []
  if (name.toLowerCase() === 'user') said.user ||= setting
  if (name.toLowerCase() === 'port') said.port ||= setting
}

function targetOf(word: string, { user, port, login }: Said): SshTarget {
  if (word.startsWith('ssh://')) {
    const url = new URL(word)
    return { host: url.hostname.replace(/^\[|\]$/g, ''), user: decodeURIComponent(url.username) || login || user, port: url.port || port }
  }
  const split = word.lastIndexOf('@')
  return { host: word.slice(split + 1), user: word.slice(0, Math.max(0, split)) || login || user, port }
}
