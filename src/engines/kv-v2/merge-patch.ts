/** JSON merge patch (RFC 7396), and the outline of an object without its values. */
import { isJsonObject } from '../../kit/fields.ts'
import type { Json, JsonObject } from '../../kit/json.ts'

/** `MergePatch` of RFC 7396, section 2. Changes neither of the two. */
export function mergePatch(target: Json, patch: Json): Json {
  return isJsonObject(patch) ? mergeObject(isJsonObject(target) ? target : {}, patch) : patch
}

/** The same for a patch that is known to be an object: the result is one too. Through a map: keys come from clients. */
export function mergeObject(target: JsonObject, patch: JsonObject): JsonObject {
  const merged = new Map(Object.entries(target))
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key)
    else merged.set(key, mergePatch(merged.get(key) ?? null, value))
  }
  return Object.fromEntries(merged)
}

/**
 * The keys of an object with `null` in the place of every value. `depth` levels are shown, or all when it is 0 or less; empty
 * objects and whatever is deeper count as values, so that nothing but names is ever shown.
 */
export function outline(value: JsonObject, depth: number): JsonObject {
  const entries = Object.entries(value).map(([key, inner]): [string, Json] => {
    const isEntered = isJsonObject(inner) && depth !== 1 && Object.keys(inner).length > 0
    return [key, isEntered ? outline(inner, depth - 1) : null]
  })
  return Object.fromEntries(entries)
}
