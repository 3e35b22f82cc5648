import { setTimeout as sleep } from 'node:timers/promises'
import KeyvRedis from '@keyv/redis'
import { Keyv } from 'keyv'
import { Keyv as Keyv6, type KeyvStorageAdapter } from 'keyv6'
import { type KeyvLike, keyvStore } from '../../src/core/store/keyv.ts'
import { memoryStore } from '../../src/core/store/memory.ts'
import { describeWithProgram, startRedis } from '../support/servers.ts'
import { describeStore as describeAnyStore, type Subject } from './behaviour.ts'
import { HeldClock } from './held-clock.ts'

/** Keyv and the servers behind it have no clock that could be handed in. */
const pass = async (ms: number) => void (await sleep(ms))

const describeStore = (name: string, create: () => Subject | Promise<Subject>) =>
  describeAnyStore(name, create, { capabilities: false, without: ['another', 'restart'] })

function inMemory(eviction: 's3-fifo' | 'lru' | 'lfu' | 'ttl'): Subject {
  const clock = new HeldClock()
  return { store: memoryStore({ eviction, clock }), pass: (ms) => clock.pass(ms) }
}

describeStore('memory store, s3-fifo', () => inMemory('s3-fifo'))
describeStore('memory store, lru', () => inMemory('lru'))
describeStore('memory store, lfu', () => inMemory('lfu'))
describeStore('memory store, ttl', () => inMemory('ttl'))
describeStore('keyv 5 on a Map', () => ({ store: keyvStore(new Keyv()), pass }))
describeStore('keyv 6 on a Map', () => ({ store: keyvStore(new Keyv6()), pass }))
describeStore('keyv 5 without serialization', () => {
  const keyv = new Keyv()
  keyv.serialize = undefined
  keyv.deserialize = undefined
  return { store: keyvStore(keyv), pass }
})
describeStore('keyv 6 without serialization', () => ({ store: keyvStore(new Keyv6({ serialization: false })), pass }))
describeStore('keyv 5 with a serializer of its own', () => ({
  store: keyvStore(
    new Keyv({
      serialize: (data) => Buffer.from(JSON.stringify(data)).toString('hex'),
      deserialize: (text) => JSON.parse(Buffer.from(text, 'hex').toString()),
    }),
  ),
  pass,
}))

describeWithProgram('redis-server', 'on a real Redis', () => {
  const onRedis = async (keyvOn: (adapter: KeyvRedis<unknown>) => KeyvLike): Promise<Subject> => {
    const redis = await startRedis()
    const adapter = new KeyvRedis(redis.url)
    const close = async () => {
      await adapter.disconnect()
      await redis.stop()
    }
    return { store: keyvStore(keyvOn(adapter)), pass, close }
  }

  describeStore('keyv 5 with @keyv/redis', () => onRedis((store) => new Keyv({ store, namespace: 'suite' })))
  describeStore('keyv 6 with @keyv/redis', () =>
    onRedis((store) => new Keyv6({ store: store as unknown as KeyvStorageAdapter, namespace: 'suite' })),
  )
})
