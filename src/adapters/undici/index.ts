export { cache } from './cache.ts'
export { type KeyvCacheStore, type KeyvCacheStoreOptions, keyvCacheStore } from './keyv-cache-store.ts'
export type { UndiciCacheOptions } from './options.ts'
