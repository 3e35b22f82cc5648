import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { s3Store } from '../../src/adapters/stores/s3.ts'
import { storeSuite } from '../../src/testing/index.ts'
import { ManualClock } from '../support/engine.ts'
import { type S3Proxy, type S3Server, s3Bucket, s3Credentials, startS3, startS3Proxy } from '../support/s3.ts'

const MiB = 2 ** 20
const minute = 60_000

describe('s3Store with conditional writes, on s3rver behind a proxy that emulates them', () => {
  let server: S3Server
  let proxy: S3Proxy
  beforeAll(async () => {
    server = await startS3()
    proxy = await startS3Proxy(server.endpoint, { conditions: true })
  })
  afterAll(async () => {
    await proxy?.stop()
    await server?.stop()
  })

  let stores = 0
  const newStore = (clock: ManualClock, namespace = `test-${++stores}`) =>
    s3Store({
      endpoint: proxy.endpoint,
      bucket: s3Bucket,
      ...s3Credentials,
      namespace,
      clock,
      conditionalWrites: true,
    })

  storeSuite({
    describe,
    test,
    beforeAll,
    afterAll,
    name: 'the suite of breakwater/testing',
    capabilities: true,
    without: ['lists', 'channels', 'restart'],
    largest: 2 * MiB,
    create: () => {
      const clock = new ManualClock()
      const [store, another] = [newStore(clock, 'suite'), newStore(clock, 'suite')]
      return { store, pass: (ms) => clock.pass(ms / 1000), another: () => ({ store: another }) }
    },
  })

  test('a lock that ended is taken over by one of many', async () => {
    const clock = new ManualClock()
    const store = newStore(clock)
    expect(await store.capabilities?.setIfAbsent('lock', Buffer.from('first'), 1000)).toBe(true)
    clock.pass(1)
    const taken = await Promise.all(
      Array.from({ length: 20 }, (_, i) => store.capabilities?.setIfAbsent('lock', Buffer.from(`next ${i}`), 1000)),
    )
    expect(taken.filter(Boolean).length).toBe(1)
  })

  test('a write on a condition is sent once, as nobody knows what became of it', async () => {
    const store = newStore(new ManualClock())
    await store.ready()
    proxy.refuse = { times: 1, status: 500, code: 'InternalError' }
    await expect(store.capabilities?.setIfAbsent('a', Buffer.from('a'), minute)).rejects.toThrow('500 InternalError')
  })
})
