import { createHash } from 'node:crypto'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { startPostgres } from '../support/postgres.ts'
import { describeWithProgram, startRedis } from '../support/servers.ts'
import { chain } from './fleet/chain.ts'
import { Reader, type Reading } from './fleet/fleet.ts'

const processes = 20
const terms = 6_000
const blockSize = 100
const kills = 3

/** What one process computes alone. */
const expected: readonly string[] = (() => {
  const { term, states } = chain(() => {})
  const texts: string[] = []
  for (const state of states(undefined, new AbortController().signal, terms) as Iterable<readonly [number, string]>) {
    texts.push(JSON.stringify(term(state)))
    if (texts.length === terms) break
  }
  return texts
})()

function digestOf({ start, end }: Reading): string {
  const hash = createHash('sha256')
  for (const text of expected.slice(start, end)) hash.update(text)
  return hash.digest('hex')
}

/** Half of them the same, the others overlapping; each ends at the last term at the earliest. */
function readings(): Reading[] {
  return Array.from({ length: processes }, (_, i) => {
    if (i % 2 === 0) return { start: 0, end: terms }
    const start = Math.floor(Math.random() * terms)
    return { start, end: start + Math.ceil(Math.random() * (terms - start)) }
  })
}

let fleet: Reader[] = []
afterEach(async () => {
  await Promise.all(fleet.splice(0).map((reader) => reader.kill()))
})

function suite(
  kind: 'redis' | 'postgres',
  start: () => Promise<{ readonly url: string; stop(): Promise<void> }>,
): void {
  test('20 processes read the same and overlapping terms, and whoever writes is killed', async () => {
    const server = await start()
    fleet = Array.from({ length: processes }, () => new Reader(kind, server.url, blockSize))
    await Promise.all(fleet.map((reader) => reader.ready()))
    const asked = readings()
    const answers = fleet.map((reader, i) => reader.read(asked[i] as Reading))
    const computed = () => fleet.reduce((sum, reader) => sum + reader.computed, 0)
    const dead = new Set<Reader>()
    for (let kill = 1; kill <= kills; kill++) {
      const when = ((kill - 0.5 + Math.random() / 2) * terms) / (kills + 1)
      await vi.waitFor(() => expect(computed()).toBeGreaterThan(when), { timeout: 60_000, interval: 5 })
      const writer = fleet.reduce((latest, reader) => (reader.computedAt > latest.computedAt ? reader : latest))
      dead.add(writer)
      await writer.kill()
    }
    const got = await Promise.all(answers)
    got.forEach((answer, i) => {
      const reading = asked[i] as Reading
      if (answer === undefined) expect(dead).toContain(fleet[i])
      else expect(answer).toEqual({ type: 'read', terms: reading.end - reading.start, digest: digestOf(reading) })
    })
    expect(dead.size).toBe(kills)
    expect(computed()).toBeLessThanOrEqual(terms * 1.2)
    await server.stop()
  }, 120_000)
}

describeWithProgram('redis-server', 'terms kept in Redis', () => {
  suite('redis', startRedis)
})
describeWithProgram('postgres', 'terms kept in PostgreSQL', () => {
  suite('postgres', startPostgres)
})
describe('one process', () => {
  test('computes each term once', () => expect(new Set(expected).size).toBe(terms))
})
