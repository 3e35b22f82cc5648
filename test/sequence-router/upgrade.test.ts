import { spawnSync } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, connect as connectPlain } from 'node:net'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { fibonacci } from 'breakwater'
import { sequenceRouter } from 'breakwater/express'
import * as onKoa from 'breakwater/koa'
import { describe, expect, test } from 'vitest'
import { WebSocket as WsSocket } from 'ws'
import { MOUNT } from './frameworks.ts'
import { Client, PROTOCOL, refusedUpgrade, STREAM, startSockets } from './sockets.ts'
import { frameworks, startSubject } from './subjects.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

describe.each(frameworks)('an upgrade in $name', (framework) => {
  const setting = { router: { sequence: fibonacci } }

  test.each([
    `${MOUNT}/terms/stream/`,
    `${MOUNT}/terms`,
    `${MOUNT}/terms/streams`,
    '/terms/stream',
    `/other${MOUNT}/terms/stream`,
    `${MOUNT}x/terms/stream`,
    '/',
  ])('of %s is left alone', async (path) => {
    const seen: [string | undefined, boolean, number][] = []
    const { port } = await startSockets(framework, setting, (asked: IncomingMessage, socket: Duplex) => {
      const listeners = socket.listenerCount('error') + socket.listenerCount('data')
      seen.push([asked.url, socket.writable, listeners])
      socket.end('HTTP/1.1 418 I am a teapot\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    })
    expect((await refusedUpgrade(port, path)).status).toBe(418)
    expect(seen).toEqual([[path, true, 0]])
  })

  test('to another protocol is left alone', async () => {
    const { port } = await startSockets(framework, setting, (_, socket) => {
      socket.end('HTTP/1.1 418 I am a teapot\r\nConnection: close\r\n\r\n')
    })
    const headers = { Connection: 'Upgrade', Upgrade: 'h2c' }
    const asking = request({ host: '127.0.0.1', port, path: STREAM, headers, agent: false }).end()
    const [response] = (await once(asking, 'response')) as [IncomingMessage]
    expect(response.statusCode).toBe(418)
    response.resume()
  })

  test('of the stream is asked for where there is none', async () => {
    const { get } = await startSubject(framework, setting)
    const { status, headers, body } = await get('/terms/stream')
    expect([status, headers.upgrade, headers.connection]).toEqual([426, 'websocket', 'Upgrade'])
    expect(JSON.parse(body)).toMatchObject({ status: 426, detail: expect.stringContaining(`${MOUNT}/terms`) })
  })

  test.each([
    ['another host', 'https://evil.example', 403],
    ['no origin at all', 'null', 403],
    ['nonsense', 'nonsense', 403],
    ['the host as a user name', 'http://{host}@evil.example', 403],
    ['the host as a part of another', 'http://{host}.evil.example', 403],
    ['another port', 'http://127.0.0.1:1', 403],
    ['another scheme of web pages', 'chrome-extension://{host}', 403],
    ['a scheme with a port of its own', 'https://127.0.0.1', 403],
    ['its own host', 'http://{host}', 101],
    ['its own host behind a proxy that ends TLS', 'https://{host}', 101],
    ['its own host in capitals', 'HTTP://{HOST}', 101],
    ['one that is listed', 'https://app.example', 101],
    ['one that is listed, with the port', 'https://app.example:443', 101],
    ['one that is listed by another scheme', 'http://app.example', 403],
  ])('by a page of %s', async (_what, origin, status) => {
    const router = { sequence: fibonacci, websocket: { origins: ['https://app.example'] } }
    const { port } = await startSockets(framework, { router })
    const Origin = origin.replace(/{host}/i, `127.0.0.1:${port}`)
    if (status === 101) await opened(port, { Origin })
    else {
      const { headers, body } = await refusedUpgrade(port, STREAM, { Origin })
      expect(JSON.parse(body)).toMatchObject({ status: 403, title: 'Forbidden' })
      expect(headers['content-type']).toBe('application/problem+json')
    }
  })

  test('by any page, where that is said', async () => {
    const { port } = await startSockets(framework, { router: { sequence: fibonacci, websocket: { origins: '*' } } })
    await opened(port, { Origin: 'https://evil.example' })
  })

  test.each([
    ['80', 'http://example.test', 'example.test:80'],
    ['443', 'https://example.test', 'example.test:443'],
    ['443 in the origin', 'https://example.test:443', 'example.test'],
  ])("is of its own host also where the scheme's port is named: %s", async (_what, Origin, Host) => {
    const { port } = await startSockets(framework, setting)
    await opened(port, { Origin, Host })
  })

  test('is decided by authorize, which may take its time', async () => {
    const authorize = async ({ headers }: IncomingMessage): Promise<boolean> => headers.authorization === 'Bearer yes'
    const { port } = await startSockets(framework, { router: { sequence: fibonacci, websocket: { authorize } } })
    const said = await opened(port, { Authorization: 'Bearer yes' })
    expect(said).toContain('{"index":0,"term":"0"}')
    expect((await refusedUpgrade(port, STREAM, { Authorization: 'Bearer no' })).status).toBe(403)
  })

  test('is refused where authorize gives nothing, or throws', async () => {
    const faults: unknown[] = []
    const listener = (message: unknown): void => void faults.push(message)
    subscribe('breakwater:sequence:fault', listener)
    const forgetful = (() => {}) as unknown as () => boolean
    const error = new Error('a secret of the inside')
    const failing = (): boolean => {
      throw error
    }
    const first = await startSockets(framework, {
      router: { sequence: fibonacci, websocket: { authorize: forgetful } },
    })
    expect((await refusedUpgrade(first.port, STREAM)).status).toBe(403)
    const second = await startSockets(framework, { router: { sequence: fibonacci, websocket: { authorize: failing } } })
    const { status, body } = await refusedUpgrade(second.port, STREAM)
    unsubscribe('breakwater:sequence:fault', listener)
    expect(status).toBe(500)
    expect(body).not.toContain('secret')
    expect(faults).toEqual([{ sequence: 'fibonacci', error }])
  })

  test('needs our sub-protocol among those that are named, or none', async () => {
    const { port } = await startSockets(framework, setting)
    const url = `ws://127.0.0.1:${port}${STREAM}?credit=1&limit=1`
    for (const names of [[], ['other', PROTOCOL]]) {
      const socket = new WsSocket(url, names)
      const [data] = await once(socket, 'message')
      expect(String(data)).toBe('{"index":0,"term":"0"}')
      expect(socket.protocol).toBe(names.length === 0 ? '' : PROTOCOL)
    }
    const socket = new WsSocket(url, 'breakwater.terms.v9')
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
    expect(response.statusCode).toBe(400)
    response.resume()
  })

  test('is refused by ws where it is none', async () => {
    const { port } = await startSockets(framework, setting)
    for (const line of ['Sec-WebSocket-Version: 7', 'X-Nothing: 1']) {
      const socket = connectPlain(port, '127.0.0.1')
      const head = `GET ${STREAM} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${line}\r\n\r\n`
      socket.write(head)
      const [data] = await once(socket, 'data')
      expect(String(data)).toMatch(/^HTTP\/1.1 400 /)
      socket.destroy()
    }
  })

  test('a thousand more than there may be are refused, and others go on', { timeout: 60_000 }, async () => {
    const { port, connect } = await startSockets(framework, {
      router: { sequence: fibonacci, websocket: { maxSockets: 3 } },
    })
    const clients = await Promise.all([connect('?limit=1000'), connect(), connect()])
    const statuses: number[] = []
    for (let i = 0; i < 10; i++) {
      const refused = await Promise.all(Array.from({ length: 100 }, () => refusedUpgrade(port, STREAM)))
      statuses.push(...refused.map(({ status }) => status))
      expect(refused[0]?.headers['retry-after']).toMatch(/^\d+$/)
    }
    expect(statuses).toEqual(Array(1000).fill(503))
    clients[0].say({ credit: 3 })
    expect(await clients[0].heard(3)).toHaveLength(3)
    // A place that is left is had by the next one.
    clients[1].ws.close()
    await expect.poll(() => opened(port).catch(() => undefined)).toBeDefined()
  })

  test('that waits for authorize has its place already', async () => {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const websocket = { maxSockets: 1, authorize: () => promise }
    const { port, connect } = await startSockets(framework, { router: { sequence: fibonacci, websocket } })
    const first = connect()
    await expect.poll(() => refusedUpgrade(port, STREAM).then(({ status }) => status)).toBe(503)
    resolve(true)
    ;(await first).ws.terminate()
  })

  test('whose client leaves while it waits for authorize gives its place back then', async () => {
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<boolean>()
    const authorize = (): Promise<boolean> => {
      asked.resolve()
      return answer.promise
    }
    const websocket = { maxSockets: 1, authorize }
    const { port } = await startSockets(framework, { router: { sequence: fibonacci, websocket } })
    const client = new WsSocket(`ws://127.0.0.1:${port}${STREAM}`, PROTOCOL)
    client.on('error', () => {})
    await asked.promise
    client.terminate()
    answer.resolve(true)
    await expect.poll(() => opened(port).catch(() => undefined)).toBeDefined()
  })

  test('is refused when the router is closed, which ends those that are there', async () => {
    const { port, router, connect } = await startSockets(framework, setting)
    const [busy, idle, silent] = await Promise.all([connect('?limit=1000&credit=5'), connect(), connect()])
    await busy.heard(5)
    // It will not answer.
    silent.ws.pause()
    const before = performance.now()
    await router.close()
    expect(performance.now() - before).toBeLessThan(4000)
    expect(await busy.ended).toEqual({ code: 1001, reason: 'The server goes away' })
    expect((await idle.ended).code).toBe(1001)
    expect((await refusedUpgrade(port, STREAM)).status).toBe(503)
    silent.ws.terminate()
  })
})

test('a server closes when its router and itself were closed', async () => {
  const router = onKoa.sequenceRouter({ prefix: MOUNT, sequence: fibonacci })
  const server = createServer().on('upgrade', router.upgrade)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = await Client.open(`ws://127.0.0.1:${(server.address() as AddressInfo).port}${STREAM}`, 'ws')
  let isClosed = false
  server.close(() => {
    isClosed = true
  })
  await router.close()
  expect((await client.ended).code).toBe(1001)
  await expect.poll(() => isClosed).toBe(true)
})

test('without the package ws it is answered 501, with a sentence for who runs the server', { timeout: 30_000 }, () => {
  const program = `
    import { createServer } from 'node:http'
    import { registerHooks } from 'node:module'
    import { connect } from 'node:net'
    import { fibonacci } from 'breakwater'
    import { sequenceRouter } from 'breakwater/express'
    registerHooks({
      resolve(name, context, next) {
        if (name !== 'ws') return next(name, context)
        throw Object.assign(new Error("Cannot find package 'ws'"), { code: 'ERR_MODULE_NOT_FOUND' })
      },
    })
    const { upgrade, close } = sequenceRouter({ sequence: fibonacci })
    const server = createServer().on('upgrade', upgrade).listen(0, '127.0.0.1', async () => {
      for (let i = 0; i < 2; i++) {
        const socket = connect(server.address().port, '127.0.0.1')
        socket.end('GET /terms/stream HTTP/1.1\\r\\nHost: a\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n')
        console.log((await socket.toArray()).join(''))
      }
      await close()
      server.close()
    })`
  const words = ['--conditions=breakwater-source', '--input-type=module', '-e', program]
  const { stdout, stderr, status } = spawnSync(process.execPath, words, { cwd: root, encoding: 'utf8' })
  expect(status).toBe(0)
  expect(stdout.match(/HTTP\/1.1 501 Not Implemented/g)).toHaveLength(2)
  expect(stdout).toContain('"detail":"The server lacks the package ws, which WebSocket needs"')
  expect(stderr.match(/BREAKWATER_NO_WEBSOCKET.* needs the package ws: npm install ws/g)).toHaveLength(1)
  expect(stderr).toContain("Cannot find package 'ws'")
})

test('nobody loads ws before a client comes', () => {
  const program = `
    import { registerHooks } from 'node:module'
    import { fibonacci } from 'breakwater'
    import { sequenceRouter } from 'breakwater/express'
    registerHooks({ resolve: (name, context, next) => (name === 'ws' ? process.exit(7) : next(name, context)) })
    sequenceRouter({ sequence: fibonacci })`
  const words = ['--conditions=breakwater-source', '--input-type=module', '-e', program]
  expect(spawnSync(process.execPath, words, { cwd: root }).status).toBe(0)
})

test.each<[object, RegExp]>([
  [{ maxSockets: 0 }, /websocket.maxSockets must be a whole number of at least 1, not 0/],
  [{ origins: 'https://a.example' }, /websocket.origins must be a list of origins, or '\*', not 'https:/],
  [{ origins: ['a.example'] }, /websocket.origins must hold origins such as 'https:\/\/app.example', without a path/],
  [{ origins: ['https://a.example/b'] }, /without a path, not 'https:\/\/a.example\/b'/],
  [{ origins: ['null'] }, /not 'null'/],
  [{ authorize: true }, /websocket.authorize must be a function, not true/],
  [{ mount: 'numbers' }, /websocket.mount must be a path such as '\/fibonacci', or '', not 'numbers'/],
  [{ mount: '/numbers/' }, /websocket.mount must be a path/],
  [{ path: '/x' }, /websocket has no option 'path'; it knows mount, origins, authorize, maxSockets/],
])('throws at construction for %j', (websocket, message) => {
  expect(() => sequenceRouter({ sequence: fibonacci, websocket } as never)).toThrow(message)
})

/** Connects with fields of one's own, and gives the first message. */
async function opened(port: number, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const socket = new WsSocket(`ws://127.0.0.1:${port}${STREAM}?credit=1`, PROTOCOL, { headers })
  const [data] = await once(socket, 'message')
  socket.terminate()
  return String(data)
}
