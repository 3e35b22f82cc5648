import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { s3Store } from '../../src/adapters/stores/s3.ts'
import { storeSuite } from '../../src/testing/index.ts'

const { S3_TEST_ENDPOINT, S3_TEST_BUCKET, S3_TEST_REGION, S3_TEST_ACCESS_KEY_ID, S3_TEST_SECRET_ACCESS_KEY } =
  process.env

// No server of these tests keeps conditions on writes: only a real service can show that.
describe.skipIf(S3_TEST_ENDPOINT === undefined)(
  's3Store on a live service (S3_TEST_ENDPOINT, S3_TEST_BUCKET, S3_TEST_ACCESS_KEY_ID, S3_TEST_SECRET_ACCESS_KEY)',
  () => {
    const namespace = `live-${randomUUID()}`
    const newStore = () =>
      s3Store({
        endpoint: S3_TEST_ENDPOINT,
        bucket: S3_TEST_BUCKET ?? '',
        region: S3_TEST_REGION,
        accessKeyId: S3_TEST_ACCESS_KEY_ID,
        secretAccessKey: S3_TEST_SECRET_ACCESS_KEY,
        namespace,
        conditionalWrites: true,
      })
    storeSuite({
      describe,
      test,
      beforeAll,
      afterAll,
      name: 'the suite of breakwater/testing',
      capabilities: true,
      timeout: 120_000,
      create: () => {
        const store = newStore()
        return {
          store,
          pass: (ms) => sleep(ms),
          another: () => ({ store: newStore() }),
          close: () => store.clear(),
        }
      },
    })
  },
)
