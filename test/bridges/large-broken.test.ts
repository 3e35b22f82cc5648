import { closeSync, globSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync, writeSync } from 'node:fs'
import { createServer as createServer1 } from 'node:http'
import { type ClientHttp2Session, connect, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ResponseCache } from 'breakwater'
import { cache } from 'breakwater/koa'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { diskStore } from '../../src/adapters/stores/disk.ts'
import type { LargeItem, StoreStreams } from '../../src/core/store/store.ts'
import { type Subject, startSubject } from './subject.ts'
import { bridges } from './subjects/index.ts'
import { type KoaRelease, newKoa } from './subjects/koa.ts'

const MiB = 2 ** 20

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'breakwater-broken-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const bodyFile = (): string => globSync(join(folder, '**/*=body'))[0] ?? ''

function heldOpen(): number {
  const paths = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return paths.filter((path) => path.startsWith(folder) && path.includes('=body')).length
}

describe.each(bridges)('$name: a large body that is damaged', (bridge) => {
  const start = async (): Promise<Subject> => {
    const store = diskStore({ folder })
    const written = vi.spyOn(store, 'set')
    const headers = { 'Cache-Control': 'max-age=60', 'Content-Length': String(4 * MiB) }
    const subject = await startSubject(bridge, { store, storeTimeout: 5000 }, () => ({
      body: 'a'.repeat(4 * MiB),
      headers,
    }))
    await subject.request('/')
    await vi.waitFor(() => expect(written.mock.settledResults[0]?.type).toBe('fulfilled'), 20_000)
    return subject
  }

  test('never reaches a client as if it were whole, is a miss afterwards, and leaves nothing open', async () => {
    const subject = await start()
    const file = openSync(bodyFile(), 'r+')
    writeSync(file, 'b', 2 * MiB)
    closeSync(file)
    await expect(subject.request('/')).rejects.toThrow()
    await vi.waitFor(() => expect(bodyFile()).toBe(''))
    await vi.waitFor(() => expect(heldOpen()).toBe(0))
    expect((await subject.request('/')).body.length).toBe(4 * MiB)
    expect(subject.asked).toHaveLength(2)
  })
})

interface Got {
  readonly bytes: number
  readonly error: Error | undefined
}

function askHttp2(session: ClientHttp2Session): Promise<Got> {
  return new Promise((resolve) => {
    const stream = session.request({ ':path': '/' })
    let bytes = 0
    let error: Error | undefined
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    stream.on('error', (cause) => {
      error = cause
    })
    stream.on('close', () => resolve({ bytes, error }))
  })
}

describe.each(['koa', 'koa2'] as KoaRelease[])('%s, behind another layer', (release) => {
  const start = () => {
    const app = newKoa(release)
    const store = diskStore({ folder })
    const written = vi.spyOn(store, 'set')
    app.silent = true
    app.use((_context, next) => next())
    app.use(cache({ cache: new ResponseCache({ store, storeTimeout: 5000 }), ttl: 60_000 }))
    app.use((context) => {
      context.body = Buffer.alloc(4 * MiB, 'a')
    })
    const isWritten = (): Promise<void> =>
      vi.waitFor(() => expect(written.mock.settledResults[0]?.type).toBe('fulfilled'), 20_000)
    return { app, store, isWritten, key: () => written.mock.calls[0]?.[0] as string }
  }

  test('on HTTP/2 a large body that is damaged ends with an error', async () => {
    const { app, isWritten } = start()
    const server = createServer(app.callback())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    try {
      await askHttp2(session)
      await isWritten()
      expect(await askHttp2(session)).toEqual({ bytes: 4 * MiB, error: undefined })
      const file = openSync(bodyFile(), 'r+')
      writeSync(file, 'b', 2 * MiB)
      closeSync(file)
      const broken = await askHttp2(session)
      expect(broken.bytes).toBeLessThan(4 * MiB)
      expect(broken.error).toBeInstanceOf(Error)
    } finally {
      session.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  })

  test('a large body whose fields cannot be sent is not left open', async () => {
    const { app, store, isWritten, key } = start()
    const server = createServer1(app.callback())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    try {
      await (await fetch(url)).arrayBuffer()
      await isWritten()
      const { get, renew } = store.streams as StoreStreams
      const { meta, body } = (await get(key())) as LargeItem
      await renew(key(), { meta: { ...meta, lines: ['X-Bad', 'a\nb'] }, body }, 60_000)
      expect((await fetch(url)).status).toBe(500)
      await vi.waitFor(() => expect(heldOpen()).toBe(0))
    } finally {
      await new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      })
    }
  })
})
