import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test, vi } from 'vitest'
import { ask } from '../bridges/wire.ts'
import { describeWithProgram, startRedis } from '../support/servers.ts'
import { MOUNT } from './frameworks.ts'

const terms = 600

/** A server in a process of its own. */
class Server {
  readonly #child: ChildProcess
  readonly computed: number[] = []
  port = 0

  constructor(framework: string, url: string, isDeterministic: boolean) {
    const program = fileURLToPath(new URL('jobs-child.ts', import.meta.url))
    const execArgv = ['--conditions=breakwater-source']
    this.#child = fork(program, [framework, url, `${isDeterministic}`], { execArgv })
    this.#child.on('message', (message: { type: string; index?: number; port?: number }) => {
      if (message.type === 'computed') this.computed.push(message.index as number)
      else this.port = message.port as number
    })
  }

  async ready(): Promise<this> {
    await vi.waitFor(() => expect(this.port).toBeGreaterThan(0), { timeout: 10_000 })
    return this
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** Kills it, as a crash would. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }
}

const servers: Server[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.kill()))
})

async function started(framework: string, url: string, isDeterministic: boolean): Promise<Server> {
  const server = new Server(framework, url, isDeterministic)
  servers.push(server)
  return server.ready()
}

async function begun({ port }: Server): Promise<string> {
  const headers = { prefer: 'respond-async' }
  const { status, headers: fields } = await ask(port, `${MOUNT}/terms?start=0&limit=${terms}`, { headers })
  expect(status).toBe(202)
  return fields.location ?? ''
}

async function statusAt({ port }: Server, path: string): Promise<{ status: string; done: number }> {
  return JSON.parse((await ask(port, path)).body)
}

async function termsAt({ port }: Server, path: string): Promise<string[]> {
  const { body } = await ask(port, `${path}/terms`)
  return body
    .trim()
    .split('\n')
    .map((line, i) => {
      const { index, term } = JSON.parse(line)
      expect(index).toBe(i)
      return term
    })
}

const expected = Array.from({ length: terms }, (_, i) => `${i}`)

describeWithProgram('redis-server', 'jobs of processes that share a Redis', () => {
  test('are told of, followed and cancelled through any of them; one computes', async () => {
    const redis = await startRedis()
    const [a, b] = await Promise.all([started('express 5', redis.url, true), started('koa 3', redis.url, true)])
    const [first, second] = [await begun(a), await begun(b)]
    await vi.waitFor(async () => expect((await statusAt(b, first)).done).toBeGreaterThan(0))
    expect(await Promise.all([termsAt(b, first), termsAt(a, second)])).toEqual([expected, expected])
    expect(await statusAt(b, first)).toMatchObject({ status: 'done', done: terms })
    expect(a.computed.length + b.computed.length).toBe(terms)

    const headers = { prefer: 'respond-async' }
    const more = await ask(a.port, `${MOUNT}/terms?start=${terms}&limit=1000`, { headers })
    const path = more.headers.location ?? ''
    await vi.waitFor(async () => expect((await statusAt(b, path)).status).toBe('running'))
    expect((await ask(b.port, path, { method: 'DELETE' })).status).toBe(204)
    await vi.waitFor(async () => expect((await statusAt(a, path)).status).toBe('cancelled'))
    // What was asked of the sequence before it heard of that.
    await new Promise((resolve) => setTimeout(resolve, 100))
    const before = a.computed.length
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(a.computed.length).toBe(before)
    await redis.stop()
  }, 60_000)

  test.each([true, false])(
    'are gone on with by another when one is killed; deterministic: %s',
    async (isDeterministic) => {
      const redis = await startRedis()
      const [a, b] = await Promise.all([
        started('express 5', redis.url, isDeterministic),
        started('koa 3', redis.url, isDeterministic),
      ])
      const path = await begun(a)
      const following = termsAt(b, path)
      await vi.waitFor(async () => expect((await statusAt(b, path)).done).toBeGreaterThan(100), { timeout: 10_000 })
      await a.kill()
      const { done } = await statusAt(b, path)
      const got = await following
      expect(await statusAt(b, path)).toMatchObject({ status: 'done', done: terms })
      if (isDeterministic) {
        expect(got).toEqual(expected)
        expect(Math.min(...b.computed)).toBeGreaterThanOrEqual(done - 20)
      } else {
        const own = got.findIndex((term) => term.endsWith(`by ${b.pid}`))
        expect(own).toBeGreaterThanOrEqual(done)
        expect(got.slice(0, own)).toEqual(Array.from({ length: own }, (_, i) => `${i} by ${a.pid}`))
        expect(got.slice(own)).toEqual(Array.from({ length: terms - own }, (_, i) => `${own + i} by ${b.pid}`))
        expect(await termsAt(b, path)).toEqual(got)
      }
      await redis.stop()
    },
    60_000,
  )
})
