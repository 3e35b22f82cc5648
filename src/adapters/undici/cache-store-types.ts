import type { cacheStores } from 'undici'

type CacheStore = InstanceType<typeof cacheStores.MemoryCacheStore>

export type CacheKey = Parameters<CacheStore['get']>[0]
export type CacheValue = Parameters<CacheStore['createWriteStream']>[1]
export type GetResult = Awaited<NonNullable<ReturnType<CacheStore['get']>>>
