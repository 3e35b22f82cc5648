/** A private S3 for tests: s3rver in a process of its own, and a proxy that emulates what s3rver lacks. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { launchServer, startServer, type TestServer } from './servers.ts'

/** The one account that s3rver has. It looks at the access key and does not verify signatures. */
export const s3Credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }
export const s3Bucket = 'breakwater-tests'

export interface S3Server extends TestServer {
  readonly endpoint: string
}

/** Starts s3rver with one empty bucket. After a restart it has what it had. */
export async function startS3(): Promise<S3Server> {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-s3-'))
  // For its continuation tokens s3rver uses DES, which OpenSSL has put aside.
  const program = ['--openssl-legacy-provider', join(import.meta.dirname, 's3rver.ts')]
  const launch = (port: number) =>
    launchServer(process.execPath, [...program, folder, String(port), s3Bucket], () => answers(port))
  const server = await startServer(launch, folder)
  return { ...server, endpoint: `http://127.0.0.1:${server.port}` }
}

async function answers(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/${s3Bucket}?list-type=2`)
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}

export interface S3Proxy {
  readonly endpoint: string
  /** Ms that each answer is held back. */
  delay: number
  /** Objects on one page of a list; undefined as asked for. */
  pageSize: number | undefined
  /** Answers the next so many requests itself. */
  refuse: { times: number; status: number; code: string } | undefined
  /** `METHOD key` of what was asked. */
  readonly asked: string[]
  stop(): Promise<void>
}

/**
 * A proxy before s3rver. With `conditions` it EMULATES conditional writes, which s3rver ignores: requests for one key
 * go one after the other, and `If-None-Match: *` and `If-Match` are compared with the etags that went through it. It
 * shows that the client's protocol is right, not that a real service keeps it.
 */
export async function startS3Proxy(target: string, { conditions = false } = {}): Promise<S3Proxy> {
  const etags = new Map<string, string>()
  const turns = new Map<string, Promise<void>>()
  const proxy: Omit<S3Proxy, 'endpoint' | 'stop'> = { delay: 0, pageSize: undefined, refuse: undefined, asked: [] }

  const inTurn = (key: string, work: () => Promise<void>): Promise<void> => {
    const turn = (turns.get(key) ?? Promise.resolve()).then(work, work)
    turns.set(key, turn)
    return turn
  }

  const serve = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const { pathname: key } = new URL(req.url ?? '/', target)
    proxy.asked.push(`${req.method} ${key}`)
    const body = await bytesOf(req)
    if (proxy.delay > 0) await sleep(proxy.delay)
    const { refuse, pageSize } = proxy
    if (pageSize !== undefined) req.url = req.url?.replace(/max-keys=\d+/, `max-keys=${pageSize}`)
    if (refuse !== undefined && refuse.times-- > 0) return fail(res, refuse.status, refuse.code)
    if (!conditions) return void (await forward(target, req, body, res))
    await inTurn(key, async () => {
      const etag = etags.get(key)
      const { 'if-none-match': absent, 'if-match': match } = req.headers
      if (absent === '*' && etag !== undefined) return fail(res, 412, 'PreconditionFailed')
      if (match !== undefined && etag === undefined) return fail(res, 404, 'NoSuchKey')
      if (match !== undefined && match !== etag) return fail(res, 412, 'PreconditionFailed')
      const { status, etag: written } = await forward(target, req, body, res)
      if (req.method === 'PUT' && status === 200 && written !== undefined) etags.set(key, written)
      if (req.method === 'DELETE' && status < 300) etags.delete(key)
    })
  }

  const server = createServer((req, res) => {
    serve(req, res).catch(() => res.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return Object.assign(proxy, { endpoint: `http://127.0.0.1:${port}`, stop: () => stopped(server) })
}

function stopped(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function fail(res: ServerResponse, status: number, code: string): void {
  const id = randomUUID()
  res.writeHead(status, { 'content-type': 'application/xml' })
  res.end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><RequestId>${id}</RequestId></Error>`)
}

/** Hands a request on and its answer back, as one piece. */
async function forward(target: string, req: IncomingMessage, body: Buffer, res: ServerResponse) {
  const { 'if-none-match': _, 'if-match': __, ...headers } = req.headers
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const onward = request(new URL(req.url ?? '/', target), { method: req.method, headers }, resolve)
    onward.once('error', reject)
    onward.end(body)
  })
  const status = answer.statusCode ?? 502
  const bytes = await bytesOf(answer)
  res.writeHead(status, answer.headers)
  res.end(bytes)
  return { status, etag: answer.headers.etag }
}
