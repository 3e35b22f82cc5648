import KeyvPostgres from '@keyv/postgres'
import { Keyv } from 'keyv'
import pg from 'pg'
import { postgresStore } from '../../src/adapters/stores/postgres.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import type { Contender, StoreBench } from './contender.ts'
import { ofKeyv, ofStore } from './redis.ts'

const minute = 60_000

export const postgres: StoreBench = {
  name: 'PostgreSQL',
  bars: {},
  start: async () => {
    const server = await startPostgres()
    const stock = ofKeyv('keyv with @keyv/postgres', new Keyv(new KeyvPostgres(server.url)))
    const contenders = [await raw(server.url), ofStore(postgresStore({ url: server.url })), stock] as const
    return {
      contenders: [...contenders],
      stop: async () => {
        for (const contender of contenders) await contender.close()
        await server.stop()
      },
    }
  },
}

/** One connection and a bytea, as pg gives and takes it. */
async function raw(connectionString: string): Promise<Contender> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query('CREATE UNLOGGED TABLE raw (key text PRIMARY KEY, value bytea NOT NULL, expires timestamptz)')
  const set = `INSERT INTO raw VALUES ($1, $2, now() + $3::float8 * interval '1 ms')
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires`
  return {
    name: 'pg with bytea',
    set: (key, body) => client.query(set, [key, body, minute]),
    get: async (key) => {
      const { rows } = await client.query<{ value: Buffer }>(
        'SELECT value FROM raw WHERE key = $1 AND expires > now()',
        [key],
      )
      return rows[0]?.value
    },
    close: () => client.end(),
  }
}
