import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { connect as connectPlain, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Events, fibonacci, fromIterable, primes, type Sequence } from 'breakwater'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Client, clientKinds, PROTOCOL, STREAM, startSockets } from './sockets.ts'
import { frameworks, naive, squares, startSubject } from './subjects.ts'

/** Items up to the one that fails. */
function failingAt(index: number): Sequence {
  return fromIterable(
    function* () {
      for (let i = 0; i < index; i++) yield `item ${i}`
      throw new Error('a secret of the inside')
    },
    { id: 'failing' },
  )
}

/** Endless items of so many characters, and how many of them were made. */
function counted(size = 1): { readonly sequence: Sequence; made(): number; ended(): number | undefined } {
  let made = 0
  let ended: number | undefined
  const sequence = fromIterable(
    function* () {
      try {
        for (;;) {
          made++
          yield 'x'.repeat(size)
        }
      } finally {
        ended = performance.now()
      }
    },
    { id: 'counted', cost: () => ({ bytes: 1, time: 1 }) },
  )
  return { sequence, made: () => made, ended: () => ended }
}

describe.each(frameworks)('a WebSocket in $name', (framework) => {
  describe.each(clientKinds)('to a client of %s', (kind) => {
    test.each([
      ['fibonacci', fibonacci, 1_995],
      ['primes', primes, 240],
    ] as const)('has the same terms as HTTP: %s', async (_name, sequence, start) => {
      const http = await startSubject(framework, { router: { sequence } })
      const { terms } = JSON.parse((await http.get(`/terms?start=${start}&limit=50`)).body)
      const { connect } = await startSockets(framework, { router: { sequence } })
      const client = await connect('', kind)
      client.say({ start, limit: 50, credit: 50 })
      expect(await client.ended).toEqual({ code: 1000, reason: '' })
      expect(client.terms).toEqual(terms)
      expect(client.terms).toEqual(await naive(sequence, start, 50))
      expect(client.indexes).toEqual(Array.from({ length: 50 }, (_, i) => start + i))
      expect(client.said.slice(50)).toEqual([{ end: true }])
      expect(client.socket.protocol).toBe(PROTOCOL)
    })

    test('sends what there is credit for, and then what there is more', async () => {
      const { sequence } = squares()
      const { connect } = await startSockets(framework, { router: { sequence } })
      const client = await connect('?start=2&limit=5', kind)
      await sleep(50)
      expect(client.said).toEqual([])
      client.say({ credit: 2 })
      await client.heard(2)
      await sleep(50)
      expect(client.terms).toEqual([4, 9])
      client.say({ credit: 1 })
      client.say({ credit: 100 })
      await client.ended
      expect(client.terms).toEqual([4, 9, 16, 25, 36])
    })

    test('goes on behind the last term that was seen', async () => {
      const { connect } = await startSockets(framework, { router: { sequence: squares().sequence } })
      const client = await connect('', kind)
      client.say({ after: 41, limit: 2, credit: 9 })
      await client.ended
      expect(client.indexes).toEqual([42, 43])
      const byQuery = await connect('?after=41&limit=2&credit=9', kind)
      await byQuery.ended
      expect(byQuery.said).toEqual(client.said)
    })

    test('tells of the item that fails, and closes with 1011', async () => {
      const broken: Events['breakwater:sequence:broken'][] = []
      const listener = (message: unknown): void => void broken.push(message as (typeof broken)[number])
      subscribe('breakwater:sequence:broken', listener)
      const { connect } = await startSockets(framework, { router: { sequence: failingAt(3) } })
      const client = await connect('?credit=100', kind)
      const { code, reason } = await client.ended
      unsubscribe('breakwater:sequence:broken', listener)
      expect(client.terms).toEqual(['item 0', 'item 1', 'item 2'])
      expect(client.last?.error).toMatchObject({ status: 500, title: 'Internal Server Error', index: 3 })
      expect([code, reason]).toEqual([1011, 'The term with index 3 could not be had'])
      expect(JSON.stringify(client.said)).not.toContain('secret')
      const error = expect.objectContaining({ message: 'a secret of the inside' })
      expect(broken).toEqual([{ sequence: 'failing', index: 3, format: 'websocket', error }])
    })

    test('refuses what is too much with the most that it allows, before any is computed', async () => {
      const { sequence, computed } = squares()
      const { connect } = await startSockets(framework, { router: { sequence, limits: { stream: { count: 500 } } } })
      const client = await connect('', kind)
      client.say({ limit: 501, credit: 501 })
      expect((await client.ended).code).toBe(1008)
      expect(client.said).toHaveLength(1)
      expect(client.last?.error).toMatchObject({ status: 422, maxLimit: 500 })
      expect(computed()).toBe(0)
    })

    test('says so when the sequence ends before the limit', async () => {
      const sequence = fromIterable(() => ['a', 'b', 'c'], { id: 'three' })
      const { connect } = await startSockets(framework, { router: { sequence } })
      const client = await connect('?limit=50&credit=4', kind)
      expect((await client.ended).code).toBe(1000)
      expect(client.said.slice(2)).toEqual([{ index: 2, term: 'c' }, { end: true }])
    })
  })

  test('without credit nothing is made, and with some hardly more than it', async () => {
    const { sequence, made } = counted(1000)
    const { connect } = await startSockets(framework, { router: { sequence } })
    const client = await connect('?limit=100000')
    await sleep(100)
    expect(made()).toBe(0)
    client.say({ credit: 10 })
    await client.heard(10)
    await sleep(100)
    expect(client.said).toHaveLength(10)
    // The batch in work.
    expect(made()).toBeLessThanOrEqual(10 + 70)
    client.ws.terminate()
  })

  test('whatever credit comes when, no term is sent without it and hardly one made', async () => {
    const { sequence, made } = counted(1000)
    const { connect } = await startSockets(framework, { router: { sequence } })
    const credits = fc.array(fc.record({ credit: fc.integer({ min: 1, max: 90 }), pause: fc.nat({ max: 3 }) }), {
      minLength: 1,
      maxLength: 8,
    })
    await fc.assert(
      fc.asyncProperty(credits, async (steps) => {
        const before = made()
        const client = await connect('?limit=100000')
        let given = 0
        for (const { credit, pause } of steps) {
          given += credit
          client.say({ credit })
          await sleep(pause)
          expect(client.said.length).toBeLessThanOrEqual(given)
          // The batch in work.
          expect(made() - before).toBeLessThanOrEqual(given + 70)
        }
        await client.heard(given)
        await sleep(5)
        expect(client.indexes).toEqual(Array.from({ length: given }, (_, i) => i))
        expect(made() - before).toBeLessThanOrEqual(given + 70)
        client.ws.terminate()
        await once(client.ws, 'close')
      }),
      { numRuns: 10 },
    )
  })

  test('a client that does not read stops the producer, whatever credit it gave', async () => {
    const { sequence, made } = counted(16 * 1024)
    const { connect } = await startSockets(framework, { router: { sequence } })
    const client = await connect('?limit=100000')
    client.ws.pause()
    client.say({ credit: 100_000 })
    await untilStill(made)
    const before = made()
    expect(made() * 16 * 1024).toBeLessThan(16 * 1024 * 1024)
    client.ws.resume()
    await expect.poll(() => made()).toBeGreaterThan(before)
    client.ws.terminate()
  })

  test.each([
    ['is closed', (client: Client) => client.ws.close()],
    ['breaks off', (client: Client) => client.ws.terminate()],
    ['ends its side', endSide],
  ])('the producer stops within 100 ms when the connection %s', async (_how, leave) => {
    for (const credit of [10, 1_000_000]) {
      const { sequence, ended } = counted(100)
      const { connect } = await startSockets(framework, { router: { sequence } })
      const client = await connect(`?limit=1000000&credit=${credit}`)
      await client.heard(10)
      const left = performance.now()
      leave(client)
      await expect.poll(ended, { interval: 5 }).toBeDefined()
      expect((ended() as number) - left).toBeLessThan(100)
    }
  })

  test('the producer stops within 100 ms when a client that does not read ends its side', async () => {
    const { sequence, made, ended } = counted(16 * 1024)
    const { connect } = await startSockets(framework, { router: { sequence } })
    const client = await connect('?limit=1000000&credit=1000000')
    client.ws.pause()
    await untilStill(made)
    const left = performance.now()
    endSide(client)
    await expect.poll(ended, { interval: 5 }).toBeDefined()
    expect((ended() as number) - left).toBeLessThan(100)
    client.ws.terminate()
  })

  test('the producer stops within 100 ms when a client says that it closes, and does not', async () => {
    const { sequence, ended } = counted(100)
    const { port } = await startSockets(framework, { router: { sequence } })
    const socket = connectPlain({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.write(upgradeHead('?limit=1000000&credit=1000000'))
    await once(socket, 'data')
    socket.resume()
    const left = performance.now()
    // A close frame.
    socket.write(Buffer.from([0x88, 0x80, 0, 0, 0, 0]))
    await expect.poll(ended, { interval: 5 }).toBeDefined()
    expect((ended() as number) - left).toBeLessThan(100)
    socket.destroy()
  })

  test('a producer that waits is told that its client has left', async () => {
    const { promise: left, resolve } = Promise.withResolvers<number>()
    const sequence = fromIterable(
      async function* (signal) {
        yield 'first'
        await once(signal, 'abort')
        resolve(performance.now())
      },
      { id: 'waiting' },
    )
    const { connect } = await startSockets(framework, { router: { sequence } })
    const client = await connect('?credit=5')
    await client.heard(1)
    const before = performance.now()
    client.ws.terminate()
    expect((await left) - before).toBeLessThan(100)
  })

  test.each([
    ['no JSON', 'nonsense', 1008],
    ['a list', '[1]', 1008],
    ['null', 'null', 1008],
    ['a number', '7', 1008],
    ['an unknown name', '{"start":0,"size":3}', 1008],
    ['a negative start', '{"start":-1}', 1008],
    ['a fraction', '{"start":1.5}', 1008],
    ['a string', '{"start":"0"}', 1008],
    ['a large number', '{"start":1e15}', 1008],
    ['a limit of 0', '{"limit":0}', 1008],
    ['a credit of 0', '{"credit":0}', 1008],
    ['start and after', '{"start":0,"after":1}', 1008],
    ['what is longer than 4 KiB', `{"start":0${' '.repeat(4096)}}`, 1009],
    ['bytes', Buffer.from('{"credit":1}'), 1003],
  ])('refuses %s', async (_what, message, code) => {
    const { sequence, computed } = squares()
    const { connect } = await startSockets(framework, { router: { sequence } })
    const client = await connect()
    client.ws.send(message)
    const ended = await client.ended
    expect(ended.code).toBe(code)
    if (code !== 1009) expect(ended.reason).not.toBe('')
    expect(client.said.map(({ error }) => error?.status)).toEqual(code === 1008 ? [400] : [])
    expect(computed()).toBe(0)
  })

  test.each(['?start=-1', '?start=1&start=2', '?credit=0', '?limit=x', '?after=1&start=1', '?start[]=1'])(
    'refuses %s',
    async (query) => {
      const { connect } = await startSockets(framework, { router: { sequence: squares().sequence } })
      const client = await connect(query)
      expect((await client.ended).code).toBe(1008)
      expect(client.last?.error).toMatchObject({ status: 400, title: 'Bad Request', detail: expect.any(String) })
    },
  )

  test.each([['{"start":5}'], ['{}'], ['{"credit":1,"limit":3}'], ['hello']])(
    'refuses %s where terms were asked for before',
    async (message) => {
      const { connect } = await startSockets(framework, { router: { sequence: squares().sequence } })
      const client = await connect('?start=0&limit=10&credit=3')
      await client.heard(3)
      client.say(message)
      expect((await client.ended).code).toBe(1008)
      expect(client.terms).toEqual([0, 1, 4])
    },
  )

  test.each([
    ['frames that are not masked', Buffer.from([0x81, 0x02, 0x7b, 0x7d]), 1002],
    ['an unknown opcode', Buffer.from([0x83, 0x80, 0, 0, 0, 0]), 1002],
    ['reserved bits', Buffer.from([0xf1, 0x80, 0, 0, 0, 0]), 1002],
    ['text that is no UTF-8', Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc0, 0xc1]), 1007],
    ['a frame that says it has 2^62 bytes', Buffer.from([0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]), 1009],
  ])('closes at %s', async (_what, frame, code) => {
    const { port, connect } = await startSockets(framework, { router: { sequence: squares().sequence } })
    const answer = await rawFrames(port, frame)
    // A close frame: opcode 8, and the code.
    expect([...answer.subarray(0, 1), answer.readUInt16BE(2)]).toEqual([0x88, code])
    // Others are served.
    const client = await connect('?limit=1&credit=1')
    expect((await client.ended).code).toBe(1000)
  })

  test('messages that come with the request to upgrade are heard', async () => {
    const { port } = await startSockets(framework, { router: { sequence: squares().sequence } })
    const text = Buffer.from('{"limit":1,"credit":1}')
    // Masked with zeros.
    const answer = await rawFrames(port, Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), text]))
    expect(answer.toString('latin1')).toContain('{"index":0,"term":0}')
    expect(answer.toString('latin1')).toContain('{"end":true}')
  })
})

/** Until there are some, and no more of them. */
async function untilStill(made: () => number): Promise<void> {
  const isStill = async (): Promise<boolean> => {
    const before = made()
    await sleep(150)
    return made() > 0 && before === made()
  }
  await expect.poll(isStill, { timeout: 20_000 }).toBe(true)
}

/** There is no other way to a connection that is closed on one side. */
function endSide({ ws }: Client): void {
  ;(ws as unknown as { readonly _socket: Socket })._socket.end()
}

function upgradeHead(query = ''): string {
  const head = [
    `GET ${STREAM}${query} HTTP/1.1`,
    'Host: example.test',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ]
  return `${head.join('\r\n')}\r\n\r\n`
}

/** Upgrades, sends a frame in the same packet, and gives all frames that come back. */
async function rawFrames(port: number, frame: Buffer): Promise<Buffer> {
  const socket = connectPlain(port, '127.0.0.1')
  socket.write(Buffer.concat([Buffer.from(upgradeHead()), frame]))
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    const all = Buffer.concat(chunks)
    // It has said its last word: a close frame without a reason of more than 123 bytes.
    if (all.includes(Buffer.from('\r\n\r\n')) && closes(all.subarray(all.indexOf('\r\n\r\n') + 4))) socket.destroy()
  })
  await once(socket, 'close')
  const all = Buffer.concat(chunks)
  expect(all.toString('latin1', 0, 12)).toBe('HTTP/1.1 101')
  return all.subarray(all.indexOf('\r\n\r\n') + 4)
}

/** Whether a close frame is among small frames. */
function closes(frames: Buffer): boolean {
  for (let at = 0; at + 1 < frames.length; at += 2 + (frames[at + 1] as number)) {
    if (frames[at] === 0x88) return true
  }
  return false
}
