import type { Context } from 'koa'
import type { CacheRule } from '../../core/cache/rule.ts'
import { setAnswerRule } from '../node/set-cache-policy.ts'

/**
 * Says for one answer how it is cached, before the middleware has run:
 * `setCachePolicy(ctx, { ttl: 60_000, groups: ['product-42'] })`. Durations in ms.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function setCachePolicy(ctx: Context, rule: CacheRule): void {
  setAnswerRule(ctx.res, rule)
}
