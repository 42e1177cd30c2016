/**
 * Token helpers: the program named by `token_helper` in `~/.vault` is asked to `get`, `store` or `erase` the token instead of the
 * files. The protocol is Vault's (token on stdin or stdout, complaints on stderr, exit code), so one helper serves all commands.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export interface HelperPlace {
  readonly home: string
  /** The configuration files to look into, first found first; default `~/.coffer`, `~/.bao`, `~/.vault`. */
  readonly configPath?: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** The path of the configured helper, or null. Throws `Error` for a configuration file that says anything else. */
export function findTokenHelper(place: HelperPlace): string | null {
  for (const file of configFiles(place)) {
    if (!existsSync(file)) continue
    const helper = parseHelperConfig(readFileSync(file, 'utf8'), file)
    if (helper !== null) return resolve(place.home, helper)
  }
  return null
}

function configFiles(place: HelperPlace): string[] {
  if (place.configPath) return [place.configPath.replace(/^~(?=\/|$)/, place.home)]
  return ['.coffer', '.bao', '.vault'].map((name) => join(place.home, name))
}

/** `token_helper = "/path"`, and nothing else, in HCL or JSON. */
export function parseHelperConfig(text: string, file: string): string | null {
  const bare = text.replace(/^\s*(#|\/\/).*$/gm, '').replace(/\/\*[\s\S]*?\*\//g, '').trim()
  if (bare === '' || bare === '{}') return null
  const match = /^\{?\s*"?token_helper"?\s*[=:]\s*("(?:[^"\\]|\\.)*")\s*\}?$/.exec(bare)
  if (match === null) throw new Error(`${file} may hold token_helper = "/path" and nothing else (Ansible Vault has such files, too)`)
  return (JSON.parse(match[1]!) as string) || null
}

export type HelperAction = 'get' | 'store' | 'erase'

/** Runs the helper through the shell, as Vault does; resolves with what it printed. Throws `Error` with its complaint, not the token. */
export async function runTokenHelper(path: string, action: HelperAction, place: HelperPlace, token?: string): Promise<string> {
  const { spawnSync } = await import('node:child_process')
  const shell = process.platform === 'win32' ? ['cmd', '/C'] : [place.environment['SHELL'] || '/bin/sh', '-c']
  const result = spawnSync(shell[0]!, [shell[1]!, `${path} ${action}`], {
    input: token ?? '',
    env: place.environment as NodeJS.ProcessEnv,
    encoding: 'utf8',
  })
  if (result.error !== undefined) throw new Error(`the token helper ${path} did not start: ${result.error.message}`)
  if (result.status !== 0) throw new Error(`the token helper ${path} failed at "${action}": ${complaint(result.stderr, token)}`)
  return result.stdout.trim()
}

const complaint = (text: string, token: string | undefined): string =>
  (token ? text.replaceAll(token, '<redacted>') : text).trim().slice(0, 1000) || 'it said nothing'
