import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Sequence } from 'breakwater'
import { type WorkerPoolOptions, workerPool } from 'breakwater/workers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { keepTerms } from '../../src/core/sequence/keep-terms.ts'
import { frameworks, startSubject } from '../sequence-router/subjects.ts'
import { sequence as squares, threads } from './modules/squares.ts'
import { startPool } from './pools.ts'

const [framework] = frameworks as [(typeof frameworks)[number]]
const never = new AbortController().signal

afterEach(() => {
  vi.doUnmock('piscina')
  vi.resetModules()
  vi.restoreAllMocks()
})

describe('workerPool', () => {
  test.each<[WorkerPoolOptions, RegExp]>([
    [{ maxThreads: 0 }, /maxThreads must be a whole number of at least 1, not 0/],
    [{ maxQueue: -1 }, /maxQueue must be a whole number of at least 0, not -1/],
    [{ deadline: 0 }, /deadline must be milliseconds above 0/],
    [{ idleTimeout: Infinity }, /idleTimeout must be milliseconds/],
    [{ threshold: -1 }, /threshold must be a number from 0/],
    [{ threads: 2 } as never, /workerPool has no option 'threads'/],
  ])('throws at construction for %j', (options, message) => {
    expect(() => workerPool(options)).toThrow(message)
  })

  test('starts no thread before there is work, and ends idle ones', async () => {
    const pool = startPool({ threshold: 0, idleTimeout: 100 })
    expect(pool.status()).toEqual({ threads: 0, busy: 0, waiting: 0 })
    for await (const _ of keepTerms(threads as Sequence, { pool }).read(0, 3, never));
    await expect.poll(() => pool.status()).toEqual({ threads: 0, busy: 0, waiting: 0 })
  })

  test('a walk whose pool is closed goes on on the event loop, from where it is', async () => {
    const pool = startPool({ threshold: 0 })
    const texts: string[] = []
    for await (const terms of keepTerms(threads as Sequence, { pool }).read(0, 15_000, never)) {
      texts.push(...terms.texts)
      await pool.close()
    }
    expect(texts).toHaveLength(15_000)
    expect(new Set(texts)).toEqual(new Set(['"worker"', '"server"']))
    expect(pool.status()).toMatchObject({ threads: 0, busy: 0 })
  })

  test('a slice that is at work when its pool is closed is computed on the event loop', async () => {
    const pool = startPool({ threshold: 0 })
    const { get } = await startSubject(framework, { router: { sequence: squares as Sequence, workers: pool } })
    const answer = get('/terms?start=1000&limit=100')
    await expect.poll(() => pool.status().busy, { interval: 1 }).toBe(1)
    await pool.close()
    expect(JSON.parse((await answer).body).terms[0]).toBe(1_000_000)
  })

  test('does not keep a process alive', () => {
    const program = join(import.meta.dirname, 'child.ts')
    const options = { encoding: 'utf8', timeout: 12_000 } as const
    const { stdout, status } = spawnSync(process.execPath, ['--conditions=breakwater-source', program], options)
    expect([stdout, status]).toEqual(['500\n', 0])
  })
})

describe('without Piscina', () => {
  test('work is done on the event loop, and one warning says what to install', async () => {
    vi.doMock('piscina', () => {
      throw new Error("Cannot find package 'piscina'")
    })
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    vi.resetModules()
    const { sequenceRouter } = await import('breakwater/express')
    const { default: express } = await import('express')
    const { listen } = await import('../bridges/wire.ts')
    const app = express()
    app.use(sequenceRouter({ sequence: threads as Sequence }))
    const { origin, close } = await listen(app)
    try {
      for (let i = 0; i < 2; i++) {
        const response = await fetch(`${origin}/terms?limit=500`)
        const { terms } = (await response.json()) as { terms: string[] }
        expect(new Set(terms)).toEqual(new Set(['server']))
      }
    } finally {
      await close()
    }
    const own = warnings.mock.calls.filter(([text]) => `${text}`.includes('piscina'))
    expect(own).toHaveLength(1)
    expect(own[0]?.[0]).toMatch(/npm install piscina/)
  })
})
