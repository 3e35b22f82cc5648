import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Problem, readSettings } from '../../examples/gateway/settings.ts'
import { ask, type Program, patience, start } from './program.ts'

const main = 'examples/gateway/main.ts'

/** Does what a line for a shell says, and tells the Cache-Status of its last answer. */
async function follow(line: string): Promise<string> {
  let status = ''
  for (const command of (line.split('#')[0] as string).split(';').map((part) => part.trim())) {
    const [, seconds] = /^sleep (\d+)$/.exec(command) ?? []
    if (seconds !== undefined) await sleep(Number(seconds) * 1000)
    else status = await curl(command)
  }
  return status
}

async function curl(command: string): Promise<string> {
  const url = /^curl .*?(http:\S+)/.exec(command)?.[1]
  if (url === undefined) throw new Error(`Neither curl nor sleep: ${command}`)
  const fields = [...command.matchAll(/-H '([^:]+): ([^']+)'/g)].map(([, name, value]) => [name, value])
  return (await ask(url, { headers: Object.fromEntries(fields) })).cache
}

describe('the gateway before its own origin', { timeout: patience }, () => {
  let gateway: Program
  let address: string

  beforeAll(async () => {
    gateway = start(main)
    address = await gateway.address()
  }, patience)
  afterAll(async () => {
    await gateway.stop()
  })

  test('prints its address first, and then four lines that show what it does', async () => {
    const [first, ...lines] = gateway.lines()
    expect(first).toBe(address)
    expect(lines).toHaveLength(4)
    const [miss, hit, revalidation, stale] = lines as [string, string, string, string]
    expect(await follow(miss)).toBe('Breakwater; fwd=uri-miss; stored')
    expect(await follow(hit)).toMatch(/^Breakwater; hit; ttl=\d+$/)
    expect(await follow(revalidation)).toBe('Breakwater; fwd=request; fwd-status=304')
    expect(await follow(stale)).toMatch(/^Breakwater; hit; ttl=-\d+$/)
  })

  test('answers its printed address with a page that can be cached', async () => {
    const first = await ask(address)
    expect(first.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(first.cache).toBe('Breakwater; fwd=uri-miss; stored')
    expect((await ask(address)).cache).toMatch(/^Breakwater; hit; ttl=\d+$/)
  })

  test('all that the page offers is there', async () => {
    const { text } = await ask(address)
    const paths = [...text.matchAll(/<a href="([^"]+)"/g)].map(([, path]) => path as string)
    expect(paths).toContain('/report')
    for (const path of paths.filter((path) => path !== '/events')) {
      const { status, cache } = await ask(address + path)
      expect([path, status]).toEqual([path, path === '/products/99' ? 404 : 200])
      expect([path, cache]).toEqual([path, expect.stringMatching(/hit|stored|origin-failed/)])
    }
  })

  test('the report is made once for all who ask for it at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask(`${address}/report?at=once`)))
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    expect(answers.filter(({ cache }) => cache.includes('collapsed'))).toHaveLength(4)
  })

  test('where the origin fails, the last good answer stands in', async () => {
    const { status } = await ask(`${address}/unsteady?once`)
    if (status !== 200) await ask(`${address}/unsteady?once`)
    await sleep(1100)
    const after = await ask(`${address}/unsteady?once`)
    expect(after.status).toBe(200)
    expect(after.cache).toContain('fwd-status=503')
    expect(after.cache).toContain('detail=origin-failed')
  })

  test('a stream arrives piece by piece', async () => {
    const gone = new AbortController()
    const response = await fetch(`${address}/events`, { signal: gone.signal })
    const { value } = await response.body!.getReader().read()
    expect(Buffer.from(value!).toString()).toMatch(/^data: \{"count":1,/)
    gone.abort()
  })
})

describe('the gateway before any origin', { timeout: patience }, () => {
  let origin: Server
  let gateway: Program | undefined
  let asked: string[]

  beforeAll(async () => {
    origin = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`)
      if (request.url === '/moved') response.writeHead(301, { Location: `${name()}/there` }).end()
      else if (request.url === '/cut') {
        response.writeHead(200, { 'Content-Length': '100', 'Cache-Control': 'max-age=60' })
        response.write('half', () => response.destroy())
      } else if (request.method === 'POST') {
        response.statusCode = 201
        request.pipe(response)
      } else {
        response.setHeader('Cache-Control', 'max-age=60')
        response.end(`${request.headers.host} ${request.headers.cookie ?? 'nobody'}`)
      }
    })
    await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
  })
  afterEach(async () => {
    await gateway?.stop()
    gateway = undefined
  })
  afterAll(() => new Promise((resolve) => origin.close(resolve)))

  const name = (): string => `http://127.0.0.1:${(origin.address() as AddressInfo).port}`
  const standBefore = async (word: string): Promise<string> => {
    asked = []
    gateway = start(main, [word])
    return gateway.address()
  }

  test('hands requests on and keeps the answers, in front and on the way', async () => {
    const address = await standBefore(name())
    const first = await ask(`${address}/page?q=1`)
    expect(first.text).toBe(`${name().slice('http://'.length)} nobody`)
    expect(first.cache).toBe('Upstream; fwd=uri-miss; stored, Breakwater; fwd=uri-miss; stored')
    expect((await ask(`${address}/page?q=1`)).cache).toMatch(/Breakwater; hit; ttl=\d+$/)
    expect(asked).toEqual(['GET /page?q=1'])
  })

  test('an answer to somebody with a cookie is kept nowhere', async () => {
    const address = await standBefore(name())
    const own = await ask(`${address}/page`, { headers: { cookie: 'sid=1' } })
    expect(own.text).toContain('sid=1')
    expect(own.cache).toBe('Breakwater; fwd=uri-miss; detail=credentials-read')
    expect((await ask(`${address}/page`)).text).toContain('nobody')
  })

  test('hands on content, redirections and an answer that breaks off', async () => {
    const address = await standBefore(name())
    const posted = await ask(`${address}/form`, { method: 'POST', body: 'x=1' })
    expect([posted.status, posted.text]).toEqual([201, 'x=1'])
    const moved = await ask(`${address}/moved`)
    expect([moved.status, moved.headers.get('location')]).toEqual([301, '/there'])
    await expect(ask(`${address}/cut`)).rejects.toThrow()
    expect(asked).toEqual(['POST /form', 'GET /moved', 'GET /cut'])
  })

  test('an origin that is not there is a 502 with a sentence', async () => {
    const address = await standBefore('http://127.0.0.1:9')
    const answer = await ask(address)
    expect(answer.status).toBe(502)
    expect(answer.text).toBe('Bad gateway: the origin gave no answer (ECONNREFUSED).\n')
  })
})

describe('what the gateway is asked for', () => {
  test.each([
    'nonsense',
    '--port',
    'ftp://files.example',
    'https://a.example/path',
    'https://a.example/?query',
    'https://user:secret@a.example',
    'https://',
    '',
  ])('"%s" is no origin', (word) => {
    expect(readSettings([word], undefined)).toEqual({ problem: expect.stringContaining(`"${word}" is not an origin`) })
  })

  test('two origins are one too many', () => {
    const { problem } = readSettings(['https://a.example', 'https://b.example'], undefined) as Problem
    expect(problem).toContain('One origin at most')
  })

  test.each(['http', '-1', '65536', '3000.5'])('%s is no port', (port) => {
    expect((readSettings([], port) as Problem).problem).toContain(
      `PORT must be a number from 0 to 65535, not "${port}"`,
    )
  })

  test.each([
    [[], undefined, { origin: undefined, port: undefined }],
    [[], '', { origin: undefined, port: undefined }],
    [['https://A.example/'], '0', { origin: 'https://a.example', port: 0 }],
    [['http://127.0.0.1:8080'], '8081', { origin: 'http://127.0.0.1:8080', port: 8081 }],
  ])('%j with PORT=%s is understood', (words, port, settings) => {
    expect(readSettings(words, port)).toEqual(settings)
  })
})

describe('starting and stopping the gateway', { timeout: patience }, () => {
  test('nonsense is answered with one line, and nothing is started', async () => {
    const gateway = start(main, ['nonsense'])
    expect(await gateway.ended()).toBe(2)
    expect(gateway.complaints()).toMatch(/^"nonsense" is not an origin: .*Usage: npm start.*\n$/)
    expect(gateway.lines()).toEqual([])
  })

  test('without PORT it takes 3000 or a free one; a PORT that is taken is an error', async () => {
    const one = start(main, [], { PORT: '' })
    const { port } = new URL(await one.address())
    const two = start(main, [], { PORT: '' })
    const three = start(main, [], { PORT: port })
    try {
      expect(new URL(await two.address()).port).not.toBe(port)
      expect(await three.ended()).toBe(1)
      expect(three.complaints()).toContain('EADDRINUSE')
    } finally {
      await Promise.all([one.stop(), two.stop()])
    }
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it in order, even amid a stream', async (signal) => {
    const gateway = start(main)
    const response = await fetch(`${await gateway.address()}/events`)
    const reading = response.text().catch(() => 'cut')
    expect(await gateway.stop(signal)).toBe(0)
    await reading
  })
})
