import { AwsClient } from 'aws4fetch'
import { s3Store } from '../../src/adapters/stores/s3.ts'
import { s3Bucket, s3Credentials, startS3 } from '../../test/support/s3.ts'
import type { Contender, StoreBench } from './contender.ts'
import { ofStore } from './redis.ts'

export const s3: StoreBench = {
  name: 'S3',
  bars: {},
  start: async () => {
    const server = await startS3()
    const store = s3Store({ endpoint: server.endpoint, bucket: s3Bucket, ...s3Credentials })
    const contenders = [raw(server.endpoint), ofStore(store)] as const
    return {
      contenders: [...contenders],
      stop: async () => {
        for (const contender of contenders) await contender.close()
        await server.stop()
      },
    }
  },
}

function raw(endpoint: string): Contender {
  const client = new AwsClient({ ...s3Credentials, service: 's3', region: 'us-east-1', retries: 0 })
  const urlOf = (key: string): string => `${endpoint}/${s3Bucket}/${encodeURIComponent(key)}`
  return {
    name: 'aws4fetch',
    set: async (key, body) => {
      const answer = await client.fetch(urlOf(key), { method: 'PUT', body: new Uint8Array(body) })
      await answer.arrayBuffer()
    },
    get: async (key) => Buffer.from(await (await client.fetch(urlOf(key))).arrayBuffer()),
    close: async () => {},
  }
}
