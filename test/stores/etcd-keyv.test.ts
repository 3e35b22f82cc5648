import { afterAll, beforeAll } from 'vitest'
import { etcdStore } from '../../src/adapters/stores/etcd.ts'
import { type EtcdServer, startEtcd } from '../support/etcd.ts'
import { describeWithProgram } from '../support/servers.ts'
import { describeAsAdapter } from './keyv-suite.ts'

describeWithProgram('etcd', 'on a real etcd', () => {
  let server: EtcdServer
  beforeAll(async () => {
    server = await startEtcd()
  })
  afterAll(() => server?.stop())

  describeAsAdapter('etcdStore', () => etcdStore({ hosts: server.url }))
})
