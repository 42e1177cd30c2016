/**
 * Rotation functions as AWS Secrets Manager calls them: one address, asked four times, with `Step`, `SecretId` and `ClientRequestToken`. Where a function of AWS fetches the
 * secret and puts the new one by itself, here both travel with the request and its answer: `AWSCURRENT` and `AWSPENDING` are what it would have fetched, and
 * `SecretString` in the answer to `createSecret` is what it would have put.
 */
import { badRequest } from '../../kit/errors.ts'
import type { JsonObject } from '../../kit/json.ts'

const known = ['path', 'headers', 'basic', 'refused']

/** The recipe that says the same. Throws `bad_request`. */
export function functionRecipe(given: JsonObject): JsonObject {
  const unknown = Object.keys(given).find((name) => !known.includes(name))
  if (unknown !== undefined) throw badRequest(`recipe.function has an unknown part ${JSON.stringify(unknown.slice(0, 64))}; it may have ${known.join(', ')}`)
  const { path = '', headers = {}, basic, refused = [400, 401, 403, 422] } = given
  const step = (name: string, versions: JsonObject, more: JsonObject = {}): readonly JsonObject[] => [{
    method: 'POST', path, headers, ...(basic === undefined ? {} : { basic }), ...more,
    json: { Step: name, SecretId: '{{name}}', ClientRequestToken: '{{rotation_id}}', ...versions },
  }]
  return {
    create: step('createSecret', { AWSCURRENT: '{{current}}' }, { keep: { '*': '/SecretString' } }),
    set: step('setSecret', { AWSCURRENT: '{{current}}', AWSPENDING: '{{pending}}' }),
    test: step('testSecret', { AWSPENDING: '{{tested}}' }),
    finish: step('finishSecret', { AWSCURRENT: '{{current}}', AWSPREVIOUS: '{{previous}}' }),
    undo: [], refused, repeatable: true,
  }
}
