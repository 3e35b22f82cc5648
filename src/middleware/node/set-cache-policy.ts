import type { ServerResponse } from 'node:http'
import { type CacheRule, checkAnswerRule, mergeRules } from '../../core/cache/rule.ts'
import { ANSWER_RULE, type MarkedResponse } from './symbols.ts'

/**
 * Says for one answer how it is cached: `ttl`, `groups` and so on, as in the options of the mount. To be called before
 * the head is written. What it says wins over the mount; groups add up.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function setAnswerRule(response: ServerResponse, rule: CacheRule): void {
  const marked = response as MarkedResponse
  marked[ANSWER_RULE] = mergeRules(marked[ANSWER_RULE] ?? {}, checkAnswerRule(rule))
}
