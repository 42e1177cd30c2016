/** What KV version 1 stores: the object as it was given, under its path. */
import type { JsonObject } from '../../kit/json.ts'
import { records } from '../../kit/records.ts'

/** Below a folder of their own, so that no path that a client chooses meets a key of the engine's. */
export const valuesFolder = 'data/'

export const values = records<JsonObject, [path: string]>((path) => valuesFolder + path)
