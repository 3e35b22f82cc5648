import { afterAll, beforeAll } from 'vitest'
import { memcachedStore } from '../../src/adapters/stores/memcached.ts'
import { type MemcachedServer, startMemcached } from '../support/memcached.ts'
import { describeWithProgram } from '../support/servers.ts'
import { describeAsAdapter } from './keyv-suite.ts'

describeWithProgram('memcached', 'on a real memcached', () => {
  let server: MemcachedServer
  beforeAll(async () => {
    server = await startMemcached()
  })
  afterAll(() => server?.stop())

  describeAsAdapter('memcachedStore', () => memcachedStore({ servers: [server.address] }))
})
