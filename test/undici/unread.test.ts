import { describe, expect, test } from 'vitest'
import { type Client, type Origin, releases, startClient, startOrigin } from './support.ts'

const MB = 1_000_000
const content = Buffer.alloc(MB, 'abcdefghijk')

function answers(isDeclared: boolean): Promise<Origin> {
  return startOrigin((_request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60', ...(isDeclared ? { 'content-length': MB } : {}) })
    response.end(content)
  })
}

describe.each(releases)('%s: a caller who does not read its answer', (_name, undici) => {
  const unread = async (client: Client, { url }: Origin, path = '/', headers = {}) => {
    const { body } = await undici.request(url + path, { dispatcher: client.dispatcher, headers })
    return body.on('error', () => {})
  }

  test.each([
    ['declared', true],
    ['unknown', false],
  ])('holds up nobody who wants the same, of %s length', async (_what, isDeclared) => {
    const origin = await answers(isDeclared)
    const client = startClient(undici, origin)
    const body = await unread(client, origin)
    expect((await client.get('/')).text).toHaveLength(MB)
    expect(origin.seen).toHaveLength(1)
    await expect.poll(() => client.responses.inFlight.size).toBe(0)
    expect(Buffer.from(await body.arrayBuffer()).equals(content)).toBe(true)
  })

  test('holds no memory for recordings, whoever waits for its answer', async () => {
    const origin = await answers(true)
    const client = startClient(undici, origin)
    // Nobody waits for an answer that may be a 304.
    await Promise.all(Array.from({ length: 20 }, (_, i) => unread(client, origin, `/${i}`, { 'if-none-match': '"x"' })))
    await unread(client, origin)
    await expect.poll(() => client.responses.inFlight.size).toBe(0)
    expect((await client.get('/')).cacheStatus).toContain('hit')
  })

  test('may read it later in parts', async () => {
    const origin = await answers(true)
    const client = startClient(undici, origin)
    const body = await unread(client, origin)
    await expect.poll(() => client.responses.stats().stored).toBe(1)
    const chunks: Buffer[] = []
    for await (const chunk of body) {
      chunks.push(chunk)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(Buffer.concat(chunks).equals(content)).toBe(true)
  })

  test('may let go of it, before it has all come and after', async () => {
    const origin = await answers(true)
    const client = startClient(undici, origin)
    const early = await unread(client, origin, '/early')
    early.destroy()
    await expect.poll(() => client.responses.inFlight.size).toBe(0)
    const late = await unread(client, origin)
    await expect.poll(() => client.responses.stats().stored).toBeGreaterThan(0)
    late.destroy()
    await new Promise((resolve) => late.once('close', resolve))
    expect((await client.get('/')).cacheStatus).toContain('hit')
  })

  test('holds the origin up where its answer is too large to keep', async () => {
    let written = 0
    const origin = await startOrigin((_request, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60' })
      const more = (): void => {
        while (written < 100 * MB && !response.destroyed) {
          written += MB
          if (!response.write(content)) return void response.once('drain', more)
        }
        response.end()
      }
      more()
    })
    const client = startClient(undici, origin)
    const body = await unread(client, origin)
    await expect.poll(() => client.responses.stats().refused).toBe(1)
    await expect
      .poll(async () => {
        const before = written
        await new Promise((resolve) => setTimeout(resolve, 100))
        return written - before
      })
      .toBe(0)
    expect(written).toBeLessThan(60 * MB)
    body.destroy()
  })
})
