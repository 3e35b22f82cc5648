export {
  type BreakerStatus,
  CircuitBreaker,
  type ExecuteOptions,
} from './core/breaker/breaker.ts'
export type { SharingMode } from './core/breaker/collaborator.ts'
export { CircuitOpenError, type RefusalReason } from './core/breaker/errors.ts'
export type { BreakerCounts, BreakerEvents, BreakerOverride, TransitionReason } from './core/breaker/events.ts'
export type { CallOutcome, CircuitBreakerOptions } from './core/breaker/options.ts'
export { type FailureOrigin, failureOrigin } from './core/breaker/origin.ts'
export type { FailureDetails, Permit } from './core/breaker/permit.ts'
export { BreakerRegistry, type BreakerRegistryOptions } from './core/breaker/registry.ts'
export type { BreakerSharing } from './core/breaker/shared-decision.ts'
export type { BreakerState } from './core/breaker/state.ts'
export type { Inspection, InspectionRequest } from './core/cache/inspect.ts'
export type { CacheOptions, CollapseOptions, GuardOptions } from './core/cache/options.ts'
export type { PurgeRequest } from './core/cache/purge.ts'
export { RecordingLostError } from './core/cache/recording.ts'
export {
  type CacheStats,
  ResponseCache,
  type ResponseCacheOptions,
} from './core/cache/response-cache.ts'
export type { CacheRule } from './core/cache/rule.ts'
export type { WarmOptions, WarmProgress, WarmReport } from './core/cache/warm.ts'
export { type Clock, systemClock } from './core/clock.ts'
export type { Coding } from './core/compression/coding.ts'
export { Compressor } from './core/compression/compressor.ts'
export type { CodingCounts, CompressionCounts } from './core/compression/counts.ts'
export type { CompressionEvents } from './core/compression/events.ts'
export type { CompressorOptions } from './core/compression/options.ts'
export type { Ban, EventName, Events } from './core/events.ts'
export type { Batch, Kept } from './core/sequence/batches.ts'
export type { Cost, Rest, Sequence, SequenceModule, States } from './core/sequence/contract.ts'
export { type CursorKey, type CursorOptions, CursorSigner, type CursorValue } from './core/sequence/cursor.ts'
export { defineSequence, type SequenceDefinition } from './core/sequence/define.ts'
export type { SequenceEvents } from './core/sequence/events.ts'
export { type FibonacciState, fibonacci, lucas } from './core/sequence/fibonacci.ts'
export { fromIterable, type ItemState, type IterableFactory, type IterableOptions } from './core/sequence/iterable.ts'
export { type CostLimits, type CostVerdict, judgeCost } from './core/sequence/limits.ts'
export { CursorError, PageError, type PageErrorStatus } from './core/sequence/page-error.ts'
export type { PageCursors, PageLinks } from './core/sequence/page-links.ts'
export type { PageMode, PageNames, PaginateOptions } from './core/sequence/page-options.ts'
export type { PagePlan, PageRequest, PageWindow } from './core/sequence/page-plan.ts'
export { type Page, type PageResult, type Paginator, paginate } from './core/sequence/paginate.ts'
export { primes } from './core/sequence/primes.ts'
export type { AnswerLimits } from './core/sequence/term-plan.ts'
export {
  type Slice,
  type SlicePart,
  type SliceTask,
  type TermPool,
  TermPoolError,
  type TermPoolReason,
} from './core/sequence/term-pool.ts'
export {
  type FetchPage,
  fromUpstream,
  type UpstreamOptions,
  type UpstreamPage,
  type UpstreamState,
} from './core/sequence/upstream.ts'
export { type WalkOptions, walk } from './core/sequence/walk.ts'
export type { ListCapabilities, StoreCapabilities, StoreScope, Subscriber } from './core/store/capabilities.ts'
export { type CompressedStoreOptions, compressed, type StoreCompression } from './core/store/compressed.ts'
export { type EncryptedStoreOptions, type EncryptionKey, encrypted, type Secret } from './core/store/encrypted.ts'
export { StoreError } from './core/store/errors.ts'
export type { HealthState, StoreHealth } from './core/store/health.ts'
export { type KeyvLike, type KeyvStoreOptions, keyvStore } from './core/store/keyv.ts'
export { capabilitiesOf } from './core/store/local-capabilities.ts'
export {
  type EvictionPolicy,
  type MemoryStore,
  type MemoryStoreOptions,
  memoryStore,
} from './core/store/memory.ts'
export { namespaced } from './core/store/namespaced.ts'
export {
  type ByteBackend,
  type ByteBodies,
  type ByteBody,
  type RemoteStore,
  type RemoteStoreOptions,
  remoteStore,
} from './core/store/remote.ts'
export type { LargeItem, OpenBody, Store, StoredBody, StoreItem, StoreStreams } from './core/store/store.ts'
export { type TieredStore, type TieredStoreOptions, tieredStore } from './core/store/tiered.ts'
export type { WrappedStore } from './core/store/wrapper.ts'
