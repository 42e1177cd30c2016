/** KV version 2: objects by path, with versions. */
import { engine } from '../../kit/engine.ts'
import { readConfig, writeConfig } from './config.ts'
import { convert } from './convert.ts'
import { deleteData, patchData, readData, writeData } from './data.ts'
import { listDetailed, scanDetailed } from './detailed.ts'
import { deleteMetadata, listMetadata, patchMetadata, readMetadata, scanMetadata, writeMetadata } from './metadata.ts'
import { freshMount, mounts } from './records.ts'
import { readSubkeys } from './subkeys.ts'
import { deleteVersions, destroyVersions, undeleteVersions } from './versions.ts'

const roots = new Set(['data', 'metadata', 'delete', 'undelete', 'destroy', 'subkeys', 'detailed-metadata'])

/** For those who use the paths of version 1. Programs know the first sentence. */
function unknownPathHint(path: string): string {
  if (roots.has(path)) return `"${path}" needs the path of a secret behind it; only "metadata/" can be listed.`
  return 'Invalid path for a versioned K/V secrets engine. Data is at data/<path>, settings are at metadata/<path>; "coffer kv" knows this.'
}

export const kvV2 = engine({
  type: 'kv',
  version: '2',
  kind: 'secret',
  summary: 'Keeps the last versions of whatever object it is given at a path.',
  operations: [
    readData, writeData, patchData, deleteData,
    deleteVersions, undeleteVersions, destroyVersions,
    readMetadata, writeMetadata, patchMetadata, deleteMetadata, listMetadata, scanMetadata,
    listDetailed, scanDetailed, readSubkeys, readConfig, writeConfig,
  ],
  unknownPathHint,
  setUp: async ({ store }) => mounts.write(store, freshMount),
  convert,
})
