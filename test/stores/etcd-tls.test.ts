import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type EtcdStoreOptions, etcdStore } from '../../src/adapters/stores/etcd.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import { itemOf } from '../store/items.ts'
import { type Certificate, makeCertificate } from '../support/certificates.ts'
import { type EtcdServer, startEtcd } from '../support/etcd.ts'
import { describeWithProgram } from '../support/servers.ts'

const minute = 60_000

describeWithProgram('etcd', 'etcdStore over TLS', () => {
  describeWithProgram('openssl', 'with certificates that vouch for themselves', () => {
    const folder = mkdtempSync(join(tmpdir(), 'breakwater-tls-'))
    const trusted = getCACertificates('default')
    let own: Certificate
    let client: Certificate
    let server: EtcdServer
    let store: RemoteStore | undefined
    const open = (options: Partial<EtcdStoreOptions> = {}) => {
      store = etcdStore({ hosts: server.url, ...options })
      return store
    }
    beforeAll(() => {
      // gRPC would trust these in place of what Node does; it looks when it is loaded.
      delete process.env.GRPC_DEFAULT_SSL_ROOTS_FILE_PATH
      own = makeCertificate(folder, 'server')
      client = makeCertificate(folder, 'client')
    })
    afterEach(() => store?.close())
    afterAll(() => rmSync(folder, { recursive: true, force: true }))

    const works = async (by: RemoteStore) => {
      await by.set('key', itemOf(100_000), minute)
      expect((await by.get('key'))?.body.length).toBe(100_000)
    }

    describe('an etcd that shows one', () => {
      beforeAll(async () => {
        server = await startEtcd(own)
      })
      afterAll(async () => {
        setDefaultCACertificates(trusted)
        await server?.stop()
      })

      test('that nobody trusts is refused with the reason', async () => {
        await expect(open().ready()).rejects.toThrow(/^etcd at https:.* cannot be used; .*self-signed certificate/)
      })

      test('is used where its authority is handed in: subscriptions, and after a restart', async () => {
        const secure = open({ credentials: { rootCertificate: readFileSync(own.cert) } })
        await works(secure)
        const heard: string[] = []
        await secure.capabilities?.subscribe?.('channel', {
          message: (text) => void heard.push(text),
          connected: () => {},
          lost: () => {},
        })
        await secure.capabilities?.publish?.('channel', 'hello')
        await expect.poll(() => heard).toEqual(['hello'])
        await server.restart()
        await vi.waitFor(() => works(secure), { timeout: 10_000, interval: 50 })
      })

      test('is refused where another authority is handed in', async () => {
        const other = open({ credentials: { rootCertificate: readFileSync(client.cert) } })
        await expect(other.ready()).rejects.toThrow(/certificate/)
      })

      test('is used where Node trusts it', async () => {
        setDefaultCACertificates([...trusted, readFileSync(own.cert, 'utf8')])
        await works(open())
      })
    })

    describe('an etcd that asks for one', () => {
      beforeAll(async () => {
        server = await startEtcd({ ...own, clientAuthority: client.cert })
      })
      afterAll(() => server?.stop())

      test('lets in who has it', async () => {
        const rootCertificate = readFileSync(own.cert)
        const [privateKey, certChain] = [readFileSync(client.key), readFileSync(client.cert)]
        await works(open({ credentials: { rootCertificate, privateKey, certChain } }))
      })

      test('refuses who has none', async () => {
        const without = open({ credentials: { rootCertificate: readFileSync(own.cert) }, connectTimeout: 1_000 })
        await expect(without.ready()).rejects.toThrow(/^etcd at https:.* cannot be used/)
      })
    })

    test('credentials that are no PEM, or half of a pair, are refused at once, and not shown', () => {
      const host = 'https://127.0.0.1:2379'
      const secret = Buffer.from('s3cr3t')
      const [privateKey, certChain] = [readFileSync(client.key), readFileSync(client.cert)]
      const make =
        (credentials: object, hosts = host) =>
        () =>
          etcdStore({ hosts, credentials })
      expect(make({ privateKey: secret, certChain })).toThrow(/credentials cannot be used.*PEM/)
      expect(make({ privateKey: secret, certChain })).not.toThrow(/s3cr3t/)
      expect(make({ privateKey })).toThrow('credentials need privateKey and certChain together')
      expect(make({ certChain })).toThrow('credentials need privateKey and certChain together')
      expect(make({ rootCertificate: 's3cr3t' })).toThrow('credentials.rootCertificate must be a Buffer')
      expect(make({ ca: certChain })).toThrow("credentials has no option 'ca'")
      expect(make({ rootCertificate: certChain }, 'http://127.0.0.1:2379')).toThrow(
        'credentials are for https:// hosts',
      )
    })
  })
})
