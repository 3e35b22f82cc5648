import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import KeyvRedis from '@keyv/redis'
import Keyv from 'keyv'
import { afterAll, beforeAll, describe } from 'vitest'
import { postgresStore } from '../../src/adapters/stores/postgres.ts'
import { redisStore } from '../../src/adapters/stores/redis.ts'
import { sqliteStore } from '../../src/adapters/stores/sqlite.ts'
import { memoryStore, type RemoteStore, tieredStore } from '../../src/index.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { describeWithProgram, type RedisServer, startRedis } from '../support/servers.ts'
import { describeSharing } from './shared-suite.ts'

/** Stores to be closed at the end. */
function stores() {
  const all: Pick<RemoteStore, 'close'>[] = []
  afterAll(() => Promise.all(all.map((store) => store.close())))
  return <T extends Pick<RemoteStore, 'close'>>(store: T): T => {
    all.push(store)
    return store
  }
}

describe('over memory', () => {
  const store = memoryStore()
  describeSharing('atomic', () => store)
})

describe('over a Keyv on a Map', () => {
  const map = new Map()
  describeSharing('settled', () => new Keyv({ store: map }))
})

describe('over SQLite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-breakers-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const opened = stores()
  describeSharing('atomic', () => opened(sqliteStore({ path: join(folder, 'store') })))
})

describeWithProgram('redis-server', 'over Redis', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis.stop())

  describe('alone', () => {
    const opened = stores()
    describeSharing('atomic', () => opened(redisStore({ url: redis.url })))
  })

  describe('behind a near tier', () => {
    const opened = stores()
    describeSharing('atomic', () => opened(tieredStore(memoryStore(), redisStore({ url: redis.url }))))
  })

  describe('by a Keyv', () => {
    const all: Keyv[] = []
    afterAll(() => Promise.all(all.map((keyv) => keyv.disconnect())))
    describeSharing('settled', () => {
      const keyv = new Keyv(new KeyvRedis(redis.url))
      all.push(keyv)
      return keyv
    })
  })
})

describeWithProgram('initdb', 'over PostgreSQL', () => {
  let postgres: PostgresServer
  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterAll(() => postgres.stop())
  const opened = stores()
  describeSharing('atomic', () => opened(postgresStore({ url: postgres.url, max: 2 })))
})
