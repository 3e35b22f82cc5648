import type { Response } from 'express'
import type { CacheRule } from '../../core/cache/rule.ts'
import { setAnswerRule } from '../node/set-cache-policy.ts'

/**
 * Says for one answer how it is cached, before its head is written:
 * `setCachePolicy(res, { ttl: 60_000, groups: ['product-42'] })`. Durations in ms.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function setCachePolicy(response: Response, rule: CacheRule): void {
  setAnswerRule(response, rule)
}
