import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { redisStore } from '../../src/adapters/stores/redis.ts'
import { itemOf } from '../store/items.ts'
import { type Certificate, makeCertificate } from '../support/certificates.ts'
import { describeWithProgram, freePort, type RedisServer, startRedis } from '../support/servers.ts'

const minute = 60_000

describeWithProgram('openssl', 'redisStore over TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-tls-'))
  const trusted = getCACertificates('default')
  let own: Certificate
  let redis: RedisServer
  let url: string

  beforeAll(async () => {
    own = makeCertificate(folder, 'server')
    const port = await freePort()
    redis = await startRedis({
      'tls-port': String(port),
      'tls-cert-file': own.cert,
      'tls-key-file': own.key,
      'tls-ca-cert-file': own.cert,
      'tls-auth-clients': 'no',
      requirepass: 'pass',
    })
    url = `rediss://:pass@127.0.0.1:${port}`
  })
  afterAll(async () => {
    setDefaultCACertificates(trusted)
    await redis?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test('a certificate that nobody vouches for is refused with the reason', async () => {
    const store = redisStore({ url })
    await expect(store.ready()).rejects.toThrow(/cannot be reached; .*self-signed certificate/)
    await store.close()
  })

  test('a certificate that is trusted lets it work, subscriptions included', async () => {
    setDefaultCACertificates([...trusted, readFileSync(own.cert, 'utf8')])
    const store = redisStore({ url })
    await store.set('key', itemOf(100_000), minute)
    expect((await store.get('key'))?.body.length).toBe(100_000)
    const heard: string[] = []
    await store.capabilities?.subscribe?.('channel', {
      message: (text) => void heard.push(text),
      connected: () => {},
      lost: () => {},
    })
    await store.capabilities?.publish?.('channel', 'hello')
    await expect.poll(() => heard).toEqual(['hello'])
    await store.close()
  })
})
