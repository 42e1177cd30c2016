/** The token of the session: from the environment, the token helper, or the files that logins leave. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readVariable, variableName } from '../../client/src/node/environment.ts'
import { eraseToken, readSavedToken, readVaultToken, saveToken, saveVaultToken } from '../../client/src/node/token-file.ts'
import { findTokenHelper, runTokenHelper, type HelperPlace } from '../../client/src/node/token-helper.ts'
import { remoteError } from './failure.ts'
import type { Host } from './host.ts'

const helperPlace = (host: Host): HelperPlace => ({
  home: host.home,
  configPath: readVariable(host.environment, 'CONFIG_PATH'),
  environment: host.environment,
})

/** The token for an address, '' when there is none. Throws `Failure` (2) when one is there but cannot be read. */
export async function findToken(host: Host, address: string): Promise<string> {
  const fromEnvironment = readVariable(host.environment, 'TOKEN')
  if (fromEnvironment !== undefined) return fromEnvironment.trim()
  try {
    return (await readStored(host, address)) ?? ''
  } catch (error) {
    throw remoteError(`failed to get the saved token: ${(error as Error).message}`)
  }
}

async function readStored(host: Host, address: string): Promise<string | null> {
  const file = readVariable(host.environment, 'TOKEN_PATH')
  if (file !== undefined) return readFileSync(file, 'utf8').trim()
  const helper = findTokenHelper(helperPlace(host))
  if (helper !== null) return runTokenHelper(helper, 'get', helperPlace(host))
  return readSavedToken({ home: host.home, address }) ?? readVaultToken(host.home)
}

/**
 * Keeps a token for later commands. As `vault` or `bao`, also in `~/.vault-token`, where other tools of that world look; as `coffer`
 * it leaves that file alone, since it may belong to another server.
 */
export async function storeToken(host: Host, address: string, token: string): Promise<void> {
  const file = readVariable(host.environment, 'TOKEN_PATH')
  if (file !== undefined) return writeFileSync(file, token, { mode: 0o600 })
  const helper = findTokenHelper(helperPlace(host))
  if (helper !== null) return void (await runTokenHelper(helper, 'store', helperPlace(host), token))
  saveToken({ home: host.home, address, token })
  if (host.program !== 'coffer') saveVaultToken(host.home, token)
}

/** Forgets the token of an address. */
export async function forgetToken(host: Host, address: string): Promise<void> {
  const file = readVariable(host.environment, 'TOKEN_PATH')
  if (file !== undefined) return rmSync(file, { force: true })
  const helper = findTokenHelper(helperPlace(host))
  if (helper !== null) return void (await runTokenHelper(helper, 'erase', helperPlace(host)))
  eraseToken({ home: host.home, address })
  if (host.program !== 'coffer') rmSync(join(host.home, '.vault-token'), { force: true })
}

/** The variable that overrides every saved token, if it is set. */
export function overridingVariable(host: Host): string | null {
  return readVariable(host.environment, 'TOKEN') === undefined ? null : variableName(host.environment, 'TOKEN')
}
