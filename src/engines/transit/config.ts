/** Settings of the mount. */
import { badRequest } from '../../kit/errors.ts'
import { defaulted, flag, integer } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'

interface KeysConfig {
  readonly disableUpsert: boolean
}

const keysConfig = records<KeysConfig, []>(() => 'config/keys')
const cacheConfig = records<{ readonly size: number }, []>(() => 'config/cache')

export const readKeysConfig = async (store: Pick<Transaction, 'get'>): Promise<KeysConfig> => (await keysConfig.read(store)) ?? { disableUpsert: false }

const output = { disable_upsert: flag('Whether encrypting with a key that is not there is refused, and makes no key.') }
const configPath = path('config/keys')

export const readConfig = configPath.read({
  summary: 'Show what holds for all keys.',
  output,
  handle: async ({ store }) => ({ disable_upsert: (await readKeysConfig(store)).disableUpsert }),
})

export const writeConfig = configPath.write({
  summary: 'Set what holds for all keys.',
  input: { disable_upsert: defaulted(output.disable_upsert, false) },
  output,
  handle({ input, store }) {
    keysConfig.write(store, { disableUpsert: input.disable_upsert })
    return { disable_upsert: input.disable_upsert }
  },
})

const sizeMin = 10
const cachePath = path('cache-config')

export const readCache = cachePath.read({
  summary: 'Show the size of the cache that was asked for.',
  handle: async ({ store }) => ({ size: (await cacheConfig.read(store))?.size ?? 0 }),
})

export const writeCache = cachePath.write({
  summary: 'Ask for a size of the cache; the cache here looks after itself.',
  input: { size: defaulted(integer('How many keys; 0 for no limit.'), 0) },
  handle({ input, store }) {
    if (input.size !== 0 && input.size < sizeMin) throw badRequest(`size must be 0 or a value greater or equal to ${sizeMin}`)
    cacheConfig.write(store, { size: input.size })
    return { size: input.size }
  },
})
