/** `cache`: which answers are kept. */
import { AgentConfigError, type Block } from './entries.ts'
import { tokenRuleOf, type TokenRule } from './listener.ts'
import type { CacheRules } from './settings.ts'

export interface CacheChoice {
  /** Null: nothing is kept. */
  readonly cache: CacheRules | null
  /** Null where nothing is said of it. */
  readonly tokenRule: TokenRule | null
  readonly warnings: readonly string[]
}

const staticSeconds = 300
const behaviors = ['optimistic', 'pessimistic']

/** Throws `AgentConfigError`. */
export function cacheOf(block: Block | null): CacheChoice {
  if (block === null) return { cache: null, tokenRule: null, warnings: [] }
  const behavior = block.text('static_secret_token_capability_refresh_behavior', 'optimistic')
  if (!behaviors.includes(behavior)) throw new AgentConfigError(`cache.static_secret_token_capability_refresh_behavior: expected ${behaviors.join(' or ')}`)
  const seconds = block.seconds('static_secret_token_capability_refresh_interval', staticSeconds)
  const cache = {
    keepsLeases: !block.flag('disable_caching_dynamic_secrets'),
    staticSeconds: block.flag('cache_static_secrets') ? Math.max(1, seconds) : 0,
    servesStale: behavior === 'optimistic',
  }
  const tokenRule = tokenRuleOf(block)
  const warnings = [...(block.ignore('persist').length > 0 ? ['cache.persist has no effect: what is kept is in memory only'] : []), ...consistencyOf(block)]
  block.finish()
  return { cache, tokenRule, warnings }
}

/** What is said about servers that lag behind: ours do not. */
export const consistencyOf = (block: Block | null): string[] =>
  block === null ? [] : block.ignore('enforce_consistency', 'when_inconsistent').map((key) => `${block.where}${key} has no effect: whatever a server has confirmed, all of its processes know`)
