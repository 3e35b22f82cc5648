import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Events, fibonacci, fromIterable, type Sequence } from 'breakwater'
import { describe, expect, test } from 'vitest'
import { frameworks, MOUNT, squares, startSubject } from './subjects.ts'

const streams = ['array', 'ndjson', 'sse']

/** Items up to the one that fails. */
function failingAt(index: number, given: { readonly deterministic?: boolean } = {}): Sequence {
  return fromIterable(
    function* () {
      for (let i = 0; i < index; i++) yield `item ${i}`
      throw new Error('a secret of the inside')
    },
    { id: 'failing', ...given },
  )
}

/** Items that come one by one, when the test says so. */
class Tap {
  ended: number | undefined
  #open = Promise.withResolvers<void>()

  /** `listens`: whether it stops waiting when its signal says so. */
  readonly sequence: Sequence

  constructor({ listens = true }: { readonly listens?: boolean } = {}) {
    this.sequence = fromIterable((signal) => this.#items(listens ? once(signal, 'abort') : undefined), { id: 'tap' })
  }

  async *#items(left: Promise<unknown> | undefined): AsyncGenerator<string> {
    try {
      for (let i = 0; ; i++) {
        if (left === undefined) await this.#open.promise
        else if ((await Promise.race([this.#open.promise, left])) !== undefined) return
        this.#open = Promise.withResolvers<void>()
        yield `item ${i}`
      }
    } finally {
      this.ended = performance.now()
    }
  }

  give(): void {
    this.#open.resolve()
  }
}

async function open(port: number, path: string): Promise<IncomingMessage> {
  const asking = request({ host: '127.0.0.1', port, path: `${MOUNT}${path}`, agent: false })
  asking.end()
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  response.on('error', () => {})
  return response
}

async function nextText(response: IncomingMessage): Promise<string> {
  const [chunk] = await once(response, 'data')
  return String(chunk)
}

describe.each(frameworks)('a stream in $name', (framework) => {
  test.each([
    ['array', '["item 0"', ',"item 1"'],
    ['ndjson', '{"index":0,"term":"item 0"}\n', '{"index":1,"term":"item 1"}\n'],
    ['sse', 'id: 0\ndata: "item 0"\n\n', 'id: 1\ndata: "item 1"\n\n'],
  ])('as %s, terms are sent as they come', async (format, first, second) => {
    const tap = new Tap()
    const { port } = await startSubject(framework, { router: { sequence: tap.sequence } })
    tap.give()
    const response = await open(port, `/terms?format=${format}`)
    expect(await nextText(response)).toBe(first)
    tap.give()
    expect(await nextText(response)).toBe(second)
    response.destroy()
  })

  test.each(streams)('as %s, the producer stops within 100 ms when the client has left', async (format) => {
    const tap = new Tap()
    const { port } = await startSubject(framework, { router: { sequence: tap.sequence } })
    tap.give()
    const response = await open(port, `/terms?format=${format}`)
    await nextText(response)
    const left = performance.now()
    response.destroy()
    await expect.poll(() => tap.ended, { interval: 5 }).toBeDefined()
    expect((tap.ended as number) - left).toBeLessThan(100)
  })

  test.each(streams)('as %s, a producer that does not listen ends with its next item', async (format) => {
    const tap = new Tap({ listens: false })
    const { port } = await startSubject(framework, { router: { sequence: tap.sequence } })
    tap.give()
    const response = await open(port, `/terms?format=${format}`)
    await nextText(response)
    response.destroy()
    await sleep(50)
    tap.give()
    await expect.poll(() => tap.ended, { interval: 5 }).toBeDefined()
  })

  test('a computation is left when its client does, before anything was sent', async () => {
    let ended: number | undefined
    let isRunning = false
    const sequence = fromIterable(
      function* () {
        try {
          for (;;) {
            isRunning = true
            yield 'x'.repeat(10)
            const until = performance.now() + 1
            while (performance.now() < until);
          }
        } finally {
          ended = performance.now()
        }
      },
      { id: 'slow', cost: () => ({ bytes: 1, time: 1 }) },
    )
    const limits = { page: { count: 1_000_000 } }
    const { port } = await startSubject(framework, { router: { sequence, limits } })
    const asking = request({ host: '127.0.0.1', port, path: `${MOUNT}/terms?limit=20000`, agent: false })
    asking.on('error', () => {})
    asking.end()
    await expect.poll(() => isRunning).toBe(true)
    const left = performance.now()
    asking.destroy()
    await expect.poll(() => ended, { interval: 5 }).toBeDefined()
    expect((ended as number) - left).toBeLessThan(100)
  })

  test('while a client does not read, nothing more is made', async () => {
    let made = 0
    const sequence = fromIterable(
      function* () {
        for (;;) {
          made++
          yield 'x'.repeat(16 * 1024)
        }
      },
      { id: 'large', cost: () => ({ bytes: 1, time: 1 }) },
    )
    const { port } = await startSubject(framework, { router: { sequence } })
    const response = await open(port, '/terms?format=ndjson&limit=100000')
    response.pause()
    let before = -1
    const isStill = async (): Promise<boolean> => {
      before = made
      await sleep(150)
      return before === made
    }
    await expect.poll(isStill, { timeout: 20_000 }).toBe(true)
    expect(made * 16 * 1024).toBeLessThan(16 * 1024 * 1024)
    response.destroy()
  })

  describe('when item 3 fails', () => {
    const told = { status: 500, title: 'Internal Server Error', index: 3 }

    test('NDJSON ends with a record that says so', async () => {
      const subject = await startSubject(framework, { router: { sequence: failingAt(3) } })
      const { isWhole, body } = await subject.get('/terms?format=ndjson')
      const records = body
        .trimEnd()
        .split('\n')
        .map((record) => JSON.parse(record))
      expect(records).toHaveLength(4)
      expect(records[2]).toEqual({ index: 2, term: 'item 2' })
      expect(records[3].error).toMatchObject(told)
      expect(body).not.toContain('secret')
      expect(isWhole).toBe(true)
    })

    test('NDJSON that may be kept is broken off as well', async () => {
      const sequence = failingAt(3, { deterministic: true })
      const subject = await startSubject(framework, { router: { sequence } })
      const { isWhole, body } = await subject.get('/terms?format=ndjson')
      expect(JSON.parse(body.trimEnd().split('\n').at(-1) as string).error).toMatchObject(told)
      expect(isWhole).toBe(false)
    })

    test('an event stream ends with an event that says so', async () => {
      const subject = await startSubject(framework, { router: { sequence: failingAt(3) } })
      const { isWhole, body } = await subject.get('/terms?format=sse')
      const events = body.split('\n\n')
      expect(events).toHaveLength(5)
      expect(events[2]).toBe('id: 2\ndata: "item 2"')
      expect(JSON.parse(/^event: error\ndata: (.*)$/.exec(events[3] as string)?.[1] ?? '')).toMatchObject(told)
      expect(isWhole).toBe(true)
    })

    test('an array breaks off, and is no JSON', async () => {
      const subject = await startSubject(framework, { router: { sequence: failingAt(3) } })
      const { status, isWhole, body } = await subject.get('/terms?format=array')
      expect({ status, isWhole, body }).toEqual({ status: 200, isWhole: false, body: '["item 0","item 1","item 2"' })
    })

    test('a page goes to the error handler of the application', async () => {
      const errors: unknown[] = []
      const subject = await startSubject(framework, {
        router: { sequence: failingAt(3) },
        onError: (error) => errors.push(error),
      })
      const { status, body } = await subject.get('/terms')
      expect([status, body]).toEqual([500, 'the application said so'])
      expect(errors).toEqual([expect.objectContaining({ message: 'a secret of the inside' })])
    })

    test('an event tells of it', async () => {
      const broken: Events['breakwater:sequence:broken'][] = []
      const listener = (message: unknown): void => void broken.push(message as (typeof broken)[number])
      subscribe('breakwater:sequence:broken', listener)
      const subject = await startSubject(framework, { router: { sequence: failingAt(3) } })
      for (const format of streams) await subject.get(`/terms?format=${format}`)
      await subject.get('/terms')
      unsubscribe('breakwater:sequence:broken', listener)
      const error = expect.objectContaining({ message: 'a secret of the inside' })
      expect(broken).toEqual(streams.map((format) => ({ sequence: 'failing', index: 3, format, error })))
    })
  })

  test.each(['json', ...streams])(
    'as %s, an error at the first item is answered by the application',
    async (format) => {
      const subject = await startSubject(framework, { router: { sequence: failingAt(0) } })
      const { status, body, headers } = await subject.get(`/terms?format=${format}`)
      expect([status, body]).toEqual([500, 'the application said so'])
      expect(headers['cache-control'] ?? '').not.toContain('immutable')
    },
  )

  test('a long page breaks off', async () => {
    const sequence = fromIterable(
      function* () {
        for (let i = 0; i < 500; i++) yield 'x'.repeat(1000)
        throw new Error('a fault')
      },
      { id: 'long', deterministic: true },
    )
    const subject = await startSubject(framework, { router: { sequence } })
    const { status, isWhole, body } = await subject.get('/terms?limit=900')
    expect([status, isWhole]).toEqual([200, false])
    expect(body).not.toMatch(/"count"/)
  })

  test('a range that ends before it should is no whole answer', async () => {
    const sequence = fromIterable(() => Array.from({ length: 500 }, () => 'x'.repeat(1000)), { id: 'cut' })
    const subject = await startSubject(framework, { router: { sequence } })
    const { status, isWhole } = await subject.get('/terms', { range: 'items=0-899' })
    expect([status, isWhole]).toEqual([206, false])
    const small = await subject.get('/terms', { range: 'items=450-899' })
    expect([small.headers['content-range'], small.isWhole]).toEqual(['items 450-499/*', true])
  })

  describe('of events', () => {
    test('goes on behind the last one that was seen, until there is no more', async () => {
      const subject = await startSubject(framework, { router: { sequence: fibonacci } })
      const resume = (id: string) => subject.get('/terms?start=5&limit=10&format=sse', { 'last-event-id': id })
      const idsOf = ({ body }: { body: string }) => [...body.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))
      expect(idsOf(await resume('12'))).toEqual([13, 14])
      expect(idsOf(await resume('5'))).toEqual([6, 7, 8, 9, 10, 11, 12, 13, 14])
      expect(idsOf(await resume('2'))).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14])
      for (const id of ['14', '15', '1000']) {
        const { status, body, headers } = await resume(id)
        expect([status, body, headers['cache-control']]).toEqual([204, '', 'no-store, no-transform'])
      }
    })

    test('is over where the sequence is, whose end nobody knew', async () => {
      const sequence = fromIterable(() => ['a', 'b', 'c'], { id: 'three' })
      const subject = await startSubject(framework, { router: { sequence } })
      const whole = await subject.get('/terms?format=sse')
      expect(whole.body).toContain('event: end\ndata: {"count":3}')
      expect((await subject.get('/terms?format=sse', { 'last-event-id': '2' })).status).toBe(204)
      const known = await startSubject(framework, { router: { sequence: squares({ length: 3 }).sequence } })
      expect((await known.get('/terms?format=sse', { 'last-event-id': '2' })).status).toBe(204)
    })

    test('says that it is alive while nothing comes', async () => {
      const tap = new Tap()
      const { port } = await startSubject(framework, { router: { sequence: tap.sequence, heartbeat: 20 } })
      const response = await open(port, '/terms?format=sse')
      expect(response.headers['content-type']).toBe('text/event-stream')
      expect(await nextText(response)).toBe(':\n\n')
      tap.give()
      await expect.poll(() => nextText(response)).toContain('id: 0\ndata: "item 0"\n\n')
      response.destroy()
      await expect.poll(() => tap.ended).toBeDefined()
    })

    test('tells of an error behind the signs of life', async () => {
      const sequence = fromIterable(
        // biome-ignore lint/correctness/useYield: it fails before it has something
        async function* () {
          await sleep(60)
          throw new Error('a fault')
        },
        { id: 'late' },
      )
      const subject = await startSubject(framework, { router: { sequence, heartbeat: 20 } })
      const { status, body } = await subject.get('/terms?format=sse')
      expect(status).toBe(200)
      expect(body).toMatch(/^(:\n\n)+event: error\ndata: \{.*"index":0\}\n\n$/)
    })
  })
})
