import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ResponseCache } from 'breakwater'
import { cache } from 'breakwater/express'
import compression from 'compression'
import express from 'express'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { diskStore } from '../../src/adapters/stores/disk.ts'
import { s3Store } from '../../src/adapters/stores/s3.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import { type S3Server, s3Bucket, s3Credentials, startS3 } from '../support/s3.ts'
import { type Answer, isHit, type Subject, startSubject, statusOf } from './subject.ts'
import { bridges } from './subjects/index.ts'
import { ask, listen } from './wire.ts'

const MiB = 2 ** 20
/** Each place of it is told from the others. */
const text = Array.from({ length: (2 * MiB) / 16 }, (_, i) => `${i}`.padStart(15, '.')).join('\n')
const sum = (body: string): string => createHash('sha256').update(body).digest('hex')

let server: S3Server
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'breakwater-large-'))
  server = await startS3()
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true })
})

let stores = 0
const kinds: readonly (readonly [string, () => RemoteStore])[] = [
  ['diskStore', () => diskStore({ folder: join(folder, String(++stores)) })],
  [
    's3Store',
    () => s3Store({ endpoint: server.endpoint, bucket: s3Bucket, ...s3Credentials, namespace: `large-${++stores}` }),
  ],
]

for (const [kind, make] of kinds) {
  // What differs between stores does not differ between releases of a framework.
  const some = kind === 'diskStore' ? bridges : bridges.filter(({ name }) => !/4|2|first/.test(name))
  describe.each(some)(`$name: a large body in ${kind}`, (bridge) => {
    /** A handler that answers as `answer` says; what is stored is never read whole. */
    const start = async (answer: (calls: number) => Answer): Promise<Subject> => {
      const store = make()
      const [whole, written] = [vi.spyOn(store, 'get'), vi.spyOn(store, 'set')]
      let calls = 0
      const subject = await startSubject(bridge, { store, storeTimeout: 5000 }, () => answer(++calls))
      const stored = await subject.request('/')
      expect(statusOf(stored)).toBe('fwd=uri-miss; stored')
      // Written behind the answer.
      await vi.waitFor(() => expect(written.mock.settledResults[0]?.type).toBe('fulfilled'), 20_000)
      expect(whole).not.toHaveBeenCalled()
      return subject
    }
    const headers = { 'Cache-Control': 'max-age=60', ETag: '"a"', 'Content-Length': String(text.length) }

    test('answers whole, HEAD, conditions and ranges', async () => {
      const subject = await start(() => ({ body: text, headers }))
      const got = await subject.request('/')
      expect(isHit(got)).toBe(true)
      expect(got.status).toBe(200)
      expect(got.headers['content-length']).toBe(String(text.length))
      expect(sum(got.body)).toBe(sum(text))

      const head = await subject.request('/', { method: 'HEAD' })
      expect(head).toMatchObject({ status: 200, body: '' })
      expect(head.headers['content-length']).toBe(String(text.length))

      const notModified = await subject.request('/', { headers: { 'if-none-match': '"a"' } })
      expect(notModified).toMatchObject({ status: 304, body: '' })

      for (const [start, end] of [
        [0, 0],
        [262_140, 262_150],
        [1_000_000, text.length - 1],
      ] as const) {
        const part = await subject.request('/', { headers: { range: `bytes=${start}-${end}` } })
        expect(part.status).toBe(206)
        expect(part.headers['content-range']).toBe(`bytes ${start}-${end}/${text.length}`)
        expect(part.headers['content-length']).toBe(String(end - start + 1))
        expect(sum(part.body)).toBe(sum(text.slice(start, end + 1)))
      }
      const beyond = await subject.request('/', { headers: { range: `bytes=${text.length}-` } })
      expect(beyond).toMatchObject({ status: 416, body: '' })
      expect(subject.asked).toHaveLength(1)
    })

    test('is made fresh again by a 304, and stays where it is', async () => {
      const subject = await start((calls) =>
        calls === 1 ? { body: text, headers } : { status: 304, headers: { ...headers, 'X-New': 'yes' } },
      )
      subject.clock.pass(61)
      const fresh = await subject.request('/')
      expect(fresh.status).toBe(200)
      expect(fresh.headers['x-new']).toBe('yes')
      expect(sum(fresh.body)).toBe(sum(text))
      await vi.waitFor(async () => expect(isHit(await subject.request('/'))).toBe(true))
      const again = await subject.request('/')
      expect(again.headers['x-new']).toBe('yes')
      expect(sum(again.body)).toBe(sum(text))
    })

    test('stands in for an origin that fails', async () => {
      const lasting = { ...headers, 'Cache-Control': 'max-age=60, stale-if-error=600' }
      const subject = await start((calls) => (calls === 1 ? { body: text, headers: lasting } : { status: 503 }))
      subject.clock.pass(61)
      const stale = await subject.request('/')
      expect(stale.status).toBe(200)
      expect(sum(stale.body)).toBe(sum(text))
    })
  })
}

test('however often compression() waits for its client, it has one listener of ours', async () => {
  const warnings: string[] = []
  const heard = (warning: Error): number => warnings.push(warning.message)
  process.on('warning', heard)
  const responses = new ResponseCache({ store: diskStore({ folder: join(folder, 'compressed') }), storeTimeout: 5000 })
  const app = express().use(compression({ threshold: 0 }), cache({ cache: responses }))
  const body = randomBytes(9_000_000)
  app.use((_request, response) => void response.type('text').set('Cache-Control', 'max-age=60').end(body))
  const { port, close } = await listen(app)
  const request = () => ask(port, '/', { headers: { 'accept-encoding': 'gzip' } })
  await request()
  await vi.waitFor(async () => expect((await request()).headers['cache-status']).toMatch(/hit/), 25_000)
  await close()
  process.off('warning', heard)
  expect(warnings).toEqual([])
})
