/** One server per storage: the lock, and what is checked before it. */
import { access, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { stagedPrefix } from '../core/snapshot-place.ts'
import { lockFolder, type FolderLock } from '../storage/lock.ts'
import type { StorageConfig } from './config/config.ts'
import { ConfigError } from './config/entries.ts'

/** Makes sure that no other server uses the storage. Throws with one line for the operator. Null: nobody else can. */
export async function lockStorage(storage: StorageConfig): Promise<FolderLock | null> {
  if (storage.type === 'inmem') return null
  await checkNotVault(storage.folder)
  const lock = await lockFolder(storage.folder)
  // What a restore left behind that was cut off: nobody uses it now.
  for (const name of await readdir(storage.folder)) if (name.startsWith(stagedPrefix)) await rm(join(storage.folder, name), { force: true })
  return lock
}

/** Vault's own data, by what its drivers `file` and `raft` make first: a start there would look as if the data were lost. */
async function checkNotVault(folder: string): Promise<void> {
  for (const name of ['core/_seal-config', 'core/_keyring', 'vault.db', 'raft/raft.db']) {
    const isThere = await access(join(folder, name)).then(() => true, () => false)
    if (isThere) throw new ConfigError(`the storage folder "${folder}" holds the data of another program (${name}), which this server cannot read: choose another folder`)
  }
}
