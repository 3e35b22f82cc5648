import { afterAll, beforeAll } from 'vitest'
import { postgresStore } from '../../src/adapters/stores/postgres.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { describeWithProgram } from '../support/servers.ts'
import { describeAsAdapter } from './keyv-suite.ts'

describeWithProgram('initdb', 'on a real PostgreSQL', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server?.stop())

  describeAsAdapter('postgresStore', () => postgresStore({ url: server.url, max: 2 }))
})
