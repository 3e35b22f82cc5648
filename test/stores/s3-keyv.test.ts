import { afterAll, beforeAll } from 'vitest'
import { s3Store } from '../../src/adapters/stores/s3.ts'
import { type S3Server, s3Bucket, s3Credentials, startS3 } from '../support/s3.ts'
import { describeAsAdapter } from './keyv-suite.ts'

let server: S3Server
beforeAll(async () => {
  server = await startS3()
})
afterAll(() => server?.stop())

describeAsAdapter('s3Store', () => s3Store({ endpoint: server.endpoint, bucket: s3Bucket, ...s3Credentials }))
