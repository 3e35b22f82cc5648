/** s3rver as a program: `node s3rver.ts <folder> <port> <bucket>`. */
import { createHash } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { buffer } from 'node:stream/consumers'

interface Written {
  readonly bucket: string
  readonly key: string
  readonly content: NodeJS.ReadableStream
  readonly metadata: object
}

interface Files {
  getMetadata(bucket: string, key: string): Promise<object>
  getResourcePath(bucket: string, key: string, resource: string): string
  putMetadata(bucket: string, key: string, metadata: object, md5: string): Promise<void>
  deleteObject(bucket: string, key: string): Promise<void>
  putObject(object: Written): Promise<{ size: number; md5: string }>
}

type S3rver = new (options: object) => { readonly store: Files; run(): Promise<unknown> }

const [folder, port, bucket] = process.argv.slice(2)
const require = createRequire(import.meta.url)
const S3rver = require('s3rver') as S3rver
const server = new S3rver({
  directory: folder,
  port: Number(port),
  address: '127.0.0.1',
  silent: true,
  vhostBuckets: false,
  configureBuckets: [{ name: bucket }],
})

// S3 answers a write when it is done, and a reader sees the old object or the new one. s3rver answers before, and
// readers see half of it.
let writes = 0
const { store } = server
store.putObject = async ({ bucket, key, content, metadata }) => {
  const path = store.getResourcePath(bucket, key, 'object')
  const bytes = await buffer(content)
  const md5 = createHash('md5').update(bytes).digest('hex')
  const unfinished = `${path}.${++writes}`
  await mkdir(dirname(path), { recursive: true })
  await writeFile(unfinished, bytes)
  await inTurn(path, async () => {
    await rename(unfinished, path)
    await store.putMetadata(bucket, key, metadata, md5)
  })
  return { size: bytes.length, md5 }
}

// It also writes metadata over what is there, and whoever reads an empty file meanwhile is told of an internal error.
const turns = new Map<string, Promise<unknown>>()
function inTurn<T>(path: string, work: () => Promise<T>): Promise<T> {
  const turn = (turns.get(path) ?? Promise.resolve()).then(work, work)
  turns.set(path, turn)
  const end = (): void => {
    if (turns.get(path) === turn) turns.delete(path)
  }
  turn.then(end, end)
  return turn
}
const getMetadata = store.getMetadata.bind(store)
store.getMetadata = (bucket, key) =>
  inTurn(store.getResourcePath(bucket, key, 'object'), () => getMetadata(bucket, key).catch(missingIfUnfinished))

/** Killed while it wrote, it leaves metadata without an end, and would answer each list with an error for ever. */
function missingIfUnfinished(error: unknown): never {
  throw error instanceof SyntaxError ? Object.assign(new Error('unfinished'), { code: 'ENOENT' }) : error
}

// s3rver removes empty folders as well, under the hands of those who write or delete beside it, and fails.
store.deleteObject = async (bucket, key) => {
  for (const resource of ['object', 'object.md5', 'metadata.json']) {
    await rm(store.getResourcePath(bucket, key, resource), { force: true })
  }
}

await server.run()
