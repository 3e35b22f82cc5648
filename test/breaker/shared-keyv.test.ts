import KeyvRedis from '@keyv/redis'
import Keyv from 'keyv'
import { afterAll, beforeAll, describe } from 'vitest'
import { describeWithProgram, type RedisServer, startRedis } from '../support/servers.ts'
import { describeSharing } from './shared-suite.ts'

describe('over a Keyv on a Map', () => {
  const map = new Map()
  describeSharing('settled', () => new Keyv({ store: map }))
})

describeWithProgram('redis-server', 'over a Keyv on Redis', () => {
  let redis: RedisServer
  const all: Keyv[] = []
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(async () => {
    await Promise.all(all.map((keyv) => keyv.disconnect()))
    await redis.stop()
  })
  describeSharing('settled', () => {
    const keyv = new Keyv(new KeyvRedis(redis.url))
    all.push(keyv)
    return keyv
  })
})
