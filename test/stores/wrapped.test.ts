import { setTimeout as sleep } from 'node:timers/promises'
import { redisStore } from '../../src/adapters/stores/redis.ts'
import { compressed } from '../../src/core/store/compressed.ts'
import { encrypted } from '../../src/core/store/encrypted.ts'
import { namespaced } from '../../src/core/store/namespaced.ts'
import type { WrappedStore } from '../../src/core/store/wrapper.ts'
import { describeStore } from '../store/behaviour.ts'
import { describeWithProgram, startRedis } from '../support/servers.ts'

const keys = [{ id: 'test', secret: Buffer.alloc(32, 1) }]

describeWithProgram('redis-server', 'on a real Redis', () => {
  describeStore(
    'a part of a compressed and encrypted redisStore',
    async () => {
      const redis = await startRedis()
      const open = (): WrappedStore =>
        namespaced(compressed(encrypted(redisStore({ url: redis.url }), { keys })), 'part')
      const store = open()
      return {
        store,
        pass: (ms) => sleep(ms),
        restart: () => redis.restart(),
        another: () => {
          const other = open()
          return { store: other, close: () => other.close() }
        },
        close: async () => {
          await store.close()
          await redis.stop()
        },
      }
    },
    { capabilities: true, largest: 4 * 2 ** 20 },
  )
})
