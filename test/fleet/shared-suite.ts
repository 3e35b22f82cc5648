/** What processes that share a store do for each other, whatever the store stands on. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Place, placeProgram, type StoreName, startPlace } from '../support/places.ts'
import { describeWithProgram } from '../support/servers.ts'
import { type Member, startFleet } from './fleet.ts'

export interface SharedPlaceTests {
  readonly name: StoreName
  /** Whether the store tells of purges by itself. */
  readonly pushes: boolean
  /** Milliseconds that the near tier keeps things; 0 for none. Default: both without and with 5 s. */
  readonly nearTtls?: readonly number[]
}

/** The lease, in ms. */
const leaseTime = 3_000
/** Between two readings of the log where there is no near tier. */
const usualInterval = 5_000
/** What a busy machine adds. */
const slack = 1_000

export function sharedPlaceTests({ name, pushes, nearTtls = [0, 5_000] }: SharedPlaceTests): void {
  describeWithProgram(placeProgram(name), `a fleet on one ${name}`, () => {
    let place: Place
    let fleet: Member[] = []
    const start = (size: number, nearTtl: number) =>
      startFleet(size, { name, address: place.address }, { nearTtl, storeTimeout: 5_000 })
    const runs = (path: string): number => fleet.flatMap((member) => member.runs).filter((run) => run === path).length

    beforeAll(async () => {
      place = await startPlace(name)
    })
    afterAll(() => place.stop())

    describe.each(nearTtls)('with what is near kept for %i ms', (nearTtl) => {
      /** Without a push it takes as long as between two readings of the log. */
      const purgedWithin = pushes ? 1_500 : (nearTtl || usualInterval) + slack
      let asked = 0
      /** A path that no other test asks for. */
      const newPath = (query = ''): string => `/${nearTtl}-${++asked}/${query}`
      const other = (index: number): Member => fleet[index % fleet.length] as Member

      beforeAll(async () => {
        fleet = await start(4, nearTtl)
      })
      afterAll(() => Promise.all(fleet.map((member) => member.kill())))

      test('200 cold requests over 4 processes run the handler once', async () => {
        const path = newPath('?delay=100')
        const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => other(i).get(path)))
        expect(runs(path)).toBe(1)
        expect(new Set(answers.map(({ body }) => body)).size).toBe(1)
      })

      test('a key whose answers may not be shared is not waited for', async () => {
        const path = newPath('private?delay=200')
        const ask = () => Promise.all(Array.from({ length: 8 }, (_, i) => other(i).get(path)))
        const start = performance.now()
        for (const { status } of await ask()) expect(status).toBe(200)
        // One run to find out, one for all others at once; one after the other they would take longer.
        expect(performance.now() - start).toBeLessThan(8 * 200)
        expect(runs(path)).toBe(8)
      })

      test('what one process has stored, another answers with', async () => {
        const path = newPath()
        const { body } = await other(0).get(path)
        await vi.waitFor(async () => expect((await other(1).get(path)).body).toBe(body))
        expect((await other(1).get(path)).cacheStatus).toContain('hit')
      })

      test.each([
        ['a group', () => ({ group: 'all of them' })],
        ['a prefix', (path: string) => ({ prefix: path.slice(0, -1) })],
        ['a path', (path: string) => ({ url: path })],
        ['a URL', (path: string) => ({ url: `http://fleet.test${path}` })],
        ['all', () => ({ all: true }) as const],
      ])('a purge of %s in one process reaches the others', async (_, what) => {
        const path = newPath()
        const [one, ...others] = fleet as [Member, ...Member[]]
        const { body } = await one.get(path)
        for (const member of others) await vi.waitFor(async () => expect((await member.get(path)).body).toBe(body))
        await one.purge(what(path))
        expect((await one.get(path)).body).not.toBe(body)
        for (const member of others) {
          await vi.waitFor(async () => expect((await member.get(path)).body).not.toBe(body), { timeout: purgedWithin })
        }
      })

      test('another process takes over from a leader that is killed', async () => {
        const [leader, ...others] = fleet as [Member, ...Member[]]
        const path = newPath('?delay=1000')
        const ran = leader.next('run')
        const lost = leader.get(path).catch(() => 'lost')
        await ran
        const waiting = Promise.all(others.map((member) => member.get(path)))
        await leader.kill()
        expect(await lost).toBe('lost')
        const start = performance.now()
        const answers = await waiting
        // The lease and the handler.
        expect(performance.now() - start).toBeLessThan(leaseTime + 1_000 + slack)
        expect(new Set(answers.map(({ body }) => body)).size).toBe(1)
        expect(runs(path)).toBe(2)
      })
    })

    test('a process that starts later knows of earlier purges', async () => {
      fleet = await start(1, 0)
      const [one] = fleet as [Member]
      const { body } = await one.get('/later')
      await vi.waitFor(async () => expect((await one.get('/later')).cacheStatus).toContain('hit'))
      await one.purge({ group: 'all of them' })
      fleet.push(...(await start(1, 0)))
      expect((await fleet[1]?.get('/later'))?.body).not.toBe(body)
      await Promise.all(fleet.map((member) => member.kill()))
    })
  })
}
