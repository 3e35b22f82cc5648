import keyvTestSuite from '@keyv/test-suite'
import { Keyv } from 'keyv'
import * as Vitest from 'vitest'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { etcdStore } from '../../src/adapters/stores/etcd.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import { type EtcdServer, startEtcd } from '../support/etcd.ts'
import { describeWithProgram } from '../support/servers.ts'

describeWithProgram('etcd', 'etcdStore as an adapter passes the test suite of Keyv', () => {
  let server: EtcdServer
  const opened: RemoteStore[] = []
  beforeAll(async () => {
    server = await startEtcd()
  })
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()))
  })
  afterAll(() => server?.stop())

  // Its iterator tests are not for us: keys are stored as hashes, so there are none to iterate over.
  keyvTestSuite(Vitest as never, Keyv, () => {
    const store = etcdStore({ hosts: server.url })
    opened.push(store)
    return store
  })
  // Its tests of iterator() do not apply: keys are stored as hashes.
})
