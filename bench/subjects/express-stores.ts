import { redisStore } from '../../dist/adapters/stores/redis.js'
import { memoryStore, ResponseCache, tieredStore } from '../../dist/index.js'
import { cache } from '../../dist/middleware/express/index.js'
import { expressApp } from './express-app.ts'
import type { Subject } from './subject.ts'

/** The Redis that the benchmark has started. */
const redis = () => redisStore({ url: process.env.BENCH_REDIS_URL ?? '' })

export const expressRedis: Subject = (settings) =>
  expressApp(settings, cache({ cache: new ResponseCache({ store: redis() }) }))

/** The control of the one below: memory alone, in a process with a connection to Redis that nothing is asked of. */
export const expressBesideRedis: Subject = (settings) => {
  void redis().ready()
  return expressApp(settings, cache({ cache: new ResponseCache({ store: memoryStore() }) }))
}

export const expressTiers: Subject = (settings) =>
  expressApp(settings, cache({ cache: new ResponseCache({ store: tieredStore(memoryStore(), redis()) }) }))
