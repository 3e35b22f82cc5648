/**
 * Apps for clients to read, in each framework the same: whole bodies, streams, and two that the test writes by hand.
 * None knows what another has encoded.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type IncomingMessage, createServer as plainServer, type Server, type ServerResponse } from 'node:http'
import { createServer as http2Server, createSecureServer as secureHttp2Server } from 'node:http2'
import { createServer as secureServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { memoryStore } from 'breakwater'
import { compression } from 'breakwater/express'
import { compression as koaCompression } from 'breakwater/koa'
import { type Listener, shield } from 'breakwater/node'
import express from 'express'
import Koa from 'koa'
import { expect } from 'vitest'
import { makeCertificate } from '../support/certificates.ts'
import { listen, type Running } from '../transparency/subjects.ts'

export interface Resource {
  readonly type: string
  readonly content: Buffer
  /** How the handler gives it; a stream tells no length. */
  readonly as: 'whole' | 'stream'
  readonly isEncoded: boolean
}

function resource(
  type: string,
  text: string | Buffer,
  { as = 'whole', isEncoded = true }: Partial<Resource> = {},
): Resource {
  return { type, content: Buffer.from(text), as, isEncoded }
}

/** Like prose and data, neither all alike nor random. */
function lines(count: number): string {
  const line = (_: unknown, index: number) =>
    `${index}: ${createHash('md5').update(String(index)).digest('hex')}, and so on\n`
  return Array.from({ length: count }, line).join('')
}

const page = `<!doctype html><html><head><title>A page</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css"><script src="/script.js"></script></head>
<body><pre>${lines(100)}</pre></body></html>`

export const resources: Readonly<Record<string, Resource>> = {
  '/page': resource('text/html; charset=utf-8', page),
  '/script.js': resource(
    'text/javascript; charset=utf-8',
    `/*\n${lines(50)}*/\ndocument.documentElement.lang = 'de'\n`,
  ),
  '/style.css': resource('text/css; charset=utf-8', `/*\n${lines(50)}*/\nbody { color: rgb(1, 2, 3) }\n`),
  '/data.json': resource('application/json; charset=utf-8', JSON.stringify({ lines: lines(400).split('\n') })),
  '/middle.txt': resource('text/plain; charset=utf-8', lines(4_000)),
  '/large.txt': resource('text/plain; charset=utf-8', lines(24_000)),
  '/piped.txt': resource('text/plain; charset=utf-8', lines(5_000), { as: 'stream' }),
  '/small.json': resource('application/json; charset=utf-8', '{"small":true}', { isEncoded: false }),
  '/picture.png': resource('image/png', Buffer.from(lines(100)), { isEncoded: false }),
}

/** What has arrived of a resource, and in which coding it came. */
export interface Arrived {
  readonly coding: string | null | undefined
  readonly content: Uint8Array
}

/** Expects every resource to be what it is, in this coding wherever one is due. */
export async function expectAll(coding: string, read: (path: string) => Promise<Arrived>): Promise<void> {
  for (const [path, { content, isEncoded }] of Object.entries(resources)) {
    const arrived = await read(path)
    expect([path, arrived.coding ?? 'identity']).toEqual([path, isEncoded ? coding : 'identity'])
    expect(Buffer.compare(arrived.content, content), `${path} is what it was`).toBe(0)
  }
}

/** What the test writes by hand. */
const liveTypes: Readonly<Record<string, string>> = {
  '/events': 'text/event-stream; charset=utf-8',
  '/records': 'application/x-ndjson; charset=utf-8',
}

/** An answer in the test's own hands. */
interface Live {
  write(text: string): unknown
  end(): unknown
}

export interface ClientApp {
  readonly listener: Listener
  /** Answers to /events and /records, the latest last. */
  readonly live: Live[]
}

const piece = 10_000

function streamOf({ content }: Resource): Readable {
  const starts = Array.from({ length: Math.ceil(content.length / piece) }, (_, index) => index * piece)
  return Readable.from(starts.map((start) => content.subarray(start, start + piece)))
}

const etagOf = ({ content }: Resource): string => `W/"${createHash('md5').update(content).digest('hex')}"`

export type Kind = 'express' | 'koa' | 'shield'

export const apps: Readonly<Record<Kind, () => ClientApp>> = {
  express: () => {
    const live: Live[] = []
    const app = express()
    app.use(compression({ store: memoryStore() }))
    app.use((request, response, next) => {
      const found = resources[request.path]
      const type = liveTypes[request.path]
      response.set('Cache-Control', 'no-cache')
      if (type !== undefined) {
        response.type(type).flushHeaders()
        live.push(response)
      } else if (found === undefined) {
        next()
      } else if (found.as === 'stream') {
        streamOf(found).pipe(response.type(found.type))
      } else {
        response.type(found.type).send(found.content)
      }
    })
    return { listener: app, live }
  },
  koa: () => {
    const live: Live[] = []
    const app = new Koa()
    // Clients leave streams unread.
    app.silent = true
    app.use(koaCompression({ store: memoryStore() }))
    app.use((ctx) => {
      const found = resources[ctx.path]
      const type = liveTypes[ctx.path]
      ctx.set('Cache-Control', 'no-cache')
      if (type !== undefined) {
        const stream = new PassThrough()
        live.push(stream)
        ctx.type = type
        ctx.body = stream
      } else if (found !== undefined) {
        ctx.type = found.type
        ctx.etag = etagOf(found)
        ctx.body = found.as === 'stream' ? streamOf(found) : found.content
        if (ctx.fresh) ctx.status = 304
      }
    })
    return { listener: app.callback() as Listener, live }
  },
  shield: () => {
    const live: Live[] = []
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      const found = resources[request.url ?? '']
      const type = liveTypes[request.url ?? '']
      response.setHeader('Cache-Control', 'no-cache')
      if (type !== undefined) {
        response.writeHead(200, { 'Content-Type': type })
        live.push(response)
      } else if (found === undefined) {
        response.writeHead(404).end()
      } else if (request.headers['if-none-match'] === etagOf(found)) {
        response.writeHead(304, { ETag: etagOf(found) }).end()
      } else {
        response.writeHead(200, { 'Content-Type': found.type, ETag: etagOf(found) })
        if (found.as === 'stream') streamOf(found).pipe(response)
        else response.end(found.content)
      }
    }
    return { listener: shield(listener, { compression: { store: memoryStore() } }), live }
  },
}

export type Protocol = 'http' | 'https' | 'h2c' | 'h2'

export interface Secrets {
  readonly key: string
  readonly cert: string
}

/** Secrets for 127.0.0.1, with which clients have to put up. */
export function makeSecrets(): Secrets {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-clients-'))
  const { key, cert } = makeCertificate(folder, 'app')
  const secrets = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  rmSync(folder, { recursive: true })
  return secrets
}

/** Serves on a free port, the secure ones with these secrets in PEM. */
export async function serveApp(protocol: Protocol, { listener }: ClientApp, secrets: Secrets): Promise<Running> {
  const running = await listen(serverOf(protocol, listener, secrets))
  const scheme = protocol === 'https' || protocol === 'h2' ? 'https' : 'http'
  return { ...running, url: `${scheme}://127.0.0.1:${running.port}` }
}

function serverOf(protocol: Protocol, listener: Listener, secrets: Secrets): Server {
  switch (protocol) {
    case 'http':
      return plainServer(listener)
    case 'https':
      return secureServer({ ...secrets }, listener)
    case 'h2c':
      return http2Server(listener as never) as unknown as Server
    case 'h2':
      return secureHttp2Server({ ...secrets, allowHTTP1: true }, listener as never) as unknown as Server
  }
}
