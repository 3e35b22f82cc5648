export type { PageRouterOptions } from '../node/page-endpoint.ts'
export type {
  KeyedAsked,
  KeyedSource,
  PageGiven,
  PageSource,
  SliceAsked,
  SliceSource,
  WalkedSource,
} from '../node/page-source.ts'
export type { SequenceCacheControl, SequenceLimits, SequenceRouterOptions } from '../node/sequence-options.ts'
export type { SequenceUpgrades } from '../node/sequence-upgrade.ts'
export type { SequenceWebSocketOptions } from '../node/websocket-options.ts'
export { breakerRouter } from './breaker-router.ts'
export { cache } from './cache.ts'
export { circuitBreaker } from './circuit-breaker.ts'
export { circuitBreakerErrors } from './circuit-breaker-errors.ts'
export { type CompressionOptions, compression } from './compression.ts'
export { pageRouter } from './page-router.ts'
export { purgeHandler } from './purge-handler.ts'
export { sequenceRouter } from './sequence-router.ts'
export { setCachePolicy } from './set-cache-policy.ts'
