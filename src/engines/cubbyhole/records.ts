/** What is stored in the cubbyholes: the objects that a token keeps, and the answer that was wrapped into a wrapping token. */
import type { JsonObject } from '../../kit/json.ts'
import { records } from '../../kit/records.ts'

/** The folder of a token; its id is random and known to nobody outside. */
export const holeFolder = (id: string): string => `${id}/`

export const values = records<JsonObject, [id: string, path: string]>((id, path) => holeFolder(id) + path)

/** A wrapped answer: the UTF-8 text of its JSON, written by the core. */
export const wrappedKey = (id: string): string => `.wrapped/${id}`
