import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Keyv } from 'keyv'
import { describe, test } from 'vitest'
import { keyvStore } from '../../src/core/store/keyv.ts'
import { describeStore } from '../store/behaviour.ts'

interface Adapter {
  disconnect?(): Promise<void>
}

/** A database that is reached through an adapter of keyv's, and where the tests find one. */
interface Database {
  readonly name: string
  readonly variable: string
  readonly adapter: string
  /** The adapter on the database at a URL. */
  make(Adapter: new (options: unknown) => Adapter, url: string): Adapter
}

const databases: readonly Database[] = [
  {
    name: 'MongoDB',
    variable: 'MONGO_URL',
    adapter: '@keyv/mongo',
    make: (Mongo, url) => new Mongo({ url, collection: `bw_${randomUUID().slice(0, 8)}` }),
  },
  {
    name: 'MySQL',
    variable: 'MYSQL_URL',
    adapter: '@keyv/mysql',
    make: (Mysql, url) => new Mysql({ uri: url, table: `bw_${randomUUID().slice(0, 8)}` }),
  },
  {
    name: 'DynamoDB',
    variable: 'DYNAMODB_ENDPOINT',
    adapter: '@keyv/dynamo',
    make: (Dynamo, url) => new Dynamo({ endpoint: url, tableName: `bw_${randomUUID().slice(0, 8)}` }),
  },
]

// No server of these can be had for the tests here, nor are the adapters installed: whoever has both can run them.
for (const { name, variable, adapter, make } of databases) {
  const url = process.env[variable]
  const loaded = url === undefined ? undefined : await load(adapter)
  const title = `keyvStore on ${name} through ${adapter}`
  if (url === undefined) missing(title, `needs ${variable}`)
  else if (loaded === undefined) missing(title, `needs the package ${adapter}`)
  else {
    describeStore(title, () => {
      const made = make(loaded, url)
      const store = keyvStore(new Keyv({ store: made as never, namespace: 'live', throwOnErrors: true }))
      return { store, pass: (ms) => sleep(ms), close: () => made.disconnect?.() }
    })
  }
}

function missing(title: string, reason: string): void {
  describe.skip(`${title} (${reason})`, () => {
    test('behaves as every store does', () => {})
  })
}

async function load(adapter: string): Promise<(new (options: unknown) => Adapter) | undefined> {
  try {
    return ((await import(/* @vite-ignore */ adapter)) as { default: new (options: unknown) => Adapter }).default
  } catch {
    return undefined
  }
}
