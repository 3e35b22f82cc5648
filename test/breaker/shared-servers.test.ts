import { afterAll, beforeAll, describe } from 'vitest'
import { postgresStore } from '../../src/adapters/stores/postgres.ts'
import { redisStore } from '../../src/adapters/stores/redis.ts'
import { memoryStore, type RemoteStore, type TieredStore, tieredStore } from '../../src/index.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { describeWithProgram, type RedisServer, startRedis } from '../support/servers.ts'
import { describeSharing } from './shared-suite.ts'

function describeStores(open: () => RemoteStore | TieredStore): void {
  const all: (RemoteStore | TieredStore)[] = []
  afterAll(() => Promise.all(all.map((store) => store.close())))
  describeSharing('atomic', () => {
    const store = open()
    all.push(store)
    return store
  })
}

describeWithProgram('redis-server', 'over Redis', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis.stop())

  describe('alone', () => describeStores(() => redisStore({ url: redis.url })))
  describe('behind a near tier', () => describeStores(() => tieredStore(memoryStore(), redisStore({ url: redis.url }))))
})

describeWithProgram('initdb', 'over PostgreSQL', () => {
  let postgres: PostgresServer
  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterAll(() => postgres.stop())
  describeStores(() => postgresStore({ url: postgres.url, max: 2 }))
})
