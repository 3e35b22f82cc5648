import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PageError } from '../../src/core/sequence/page-error.ts'
import type { Closing, ToldProblem } from '../../src/core/sequence/term-protocol.ts'
import type { Terms } from '../../src/core/sequence/term-reader.ts'
import { type TermChannel, type TermService, TermSession } from '../../src/core/sequence/term-session.ts'

/** Terms in batches of a size, and how many batches were read. */
class Numbers implements TermService {
  readonly #size: number
  readonly #end: number
  read = 0
  isLeft = false

  constructor(size: number, end = Infinity) {
    this.#size = size
    this.#end = end
  }

  readonly reader: TermService['reader'] & TermService['bounds']['reader'] = {
    read: ({ start, count }) => this.#batches(start, Math.min(start + count, this.#end)),
    cost: (_, count) => ({ bytes: count, time: 0 }),
  }

  readonly bounds: TermService['bounds'] = {
    reader: this.reader,
    length: undefined,
    limit: 100,
    limits: { count: 10_000, bytes: 10_000, time: 10_000 },
  }

  async *#batches(start: number, end: number): AsyncGenerator<Terms, void> {
    try {
      for (let index = start; index < end; index += this.#size) {
        this.read++
        await nextTurn()
        yield { index, texts: Array.from({ length: Math.min(this.#size, end - index) }, (_, i) => `${index + i}`) }
      }
    } finally {
      this.isLeft = true
    }
  }

  refusalOf({ status, message }: PageError): ToldProblem {
    return { status, detail: message }
  }

  failureOf(error: unknown): ToldProblem {
    if (error instanceof PageError) return this.refusalOf(error)
    const { status = 500, message } = error as Error & { readonly status?: number }
    return { status, detail: message }
  }
}

/** What a client would see. */
class Line implements TermChannel {
  readonly texts: string[] = []
  closed: Closing | undefined
  /** Set where nothing leaves. */
  stuck: Promise<void> | undefined

  send(text: string): Promise<void> | undefined {
    expect(this.closed).toBeUndefined()
    this.texts.push(text)
    return this.stuck
  }

  close(closing: Closing): void {
    expect(this.closed).toBeUndefined()
    this.closed = closing
  }

  get terms(): readonly string[] {
    return this.texts.filter((text) => text.startsWith('{"index"'))
  }
}

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await nextTurn()
}

test('never sends more terms than there is credit for, and reads at most one batch beyond them', async () => {
  const step = fc.oneof(fc.nat({ max: 40 }), fc.constant('rest' as const))
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 300 }),
      fc.array(step, { maxLength: 30 }),
      async (size, limit, steps) => {
        const numbers = new Numbers(size)
        const line = new Line()
        const session = new TermSession(numbers, line)
        session.hear(JSON.stringify({ limit }))
        let credit = 0
        const check = (): void => {
          expect(line.terms.length).toBeLessThanOrEqual(Math.min(credit, limit))
          expect(numbers.read).toBeLessThanOrEqual(Math.ceil(credit / size))
        }
        for (const given of steps) {
          if (given === 'rest' || given === 0) await nextTurn()
          else if (line.closed === undefined) {
            credit += given
            session.hear(JSON.stringify({ credit: given }))
          }
          check()
        }
        while (line.terms.length < Math.min(credit, limit)) {
          await nextTurn()
          check()
        }
        await settled()
        check()
        expect(line.terms).toEqual(
          Array.from({ length: Math.min(credit, limit) }, (_, i) => `{"index":${i},"term":${i}}`),
        )
        expect(line.closed?.code).toBe(credit >= limit ? 1000 : undefined)
        session.leave()
        await settled()
        expect(numbers.isLeft || numbers.read === 0).toBe(true)
      },
    ),
    { numRuns: 150 },
  )
})

describe('a session', () => {
  function started(service = new Numbers(10)): { service: Numbers; line: Line; session: TermSession } {
    const line = new Line()
    return { service, line, session: new TermSession(service, line) }
  }

  test('waits for what was sent before to leave', async () => {
    const { service, line, session } = started()
    const { promise, resolve } = Promise.withResolvers<void>()
    line.stuck = promise
    session.hear('{"credit":50}')
    await settled()
    expect([line.terms.length, service.read]).toEqual([1, 1])
    line.stuck = undefined
    resolve()
    await settled()
    expect([line.terms.length, service.read]).toEqual([50, 5])
  })

  test('leaves what it reads when the client does, also while it waits', async () => {
    for (const stuck of [undefined, new Promise<void>(() => {})]) {
      const { service, line, session } = started()
      line.stuck = stuck
      session.hear('{"credit":5}')
      await settled()
      session.leave()
      session.hear('{"credit":5}')
      await settled()
      expect([service.isLeft, line.closed]).toEqual([true, undefined])
      expect(line.terms.length).toBeLessThanOrEqual(5)
    }
  })

  test('hears nothing more once it has closed', async () => {
    const { line, session } = started()
    session.hear('nonsense')
    session.hear('nonsense')
    session.hear(undefined)
    session.hear('{"credit":5}')
    await settled()
    expect(line.texts).toHaveLength(1)
  })

  test.each([
    [Object.assign(new Error('too busy'), { status: 503 }), 1013],
    [new Error('a fault'), 1011],
  ])('closes for %s with %i', async (error, code) => {
    const service = new Numbers(10)
    service.reader.read = async function* () {
      yield { index: 0, texts: ['0'] }
      throw error
    }
    const { line, session } = started(service)
    session.open('credit=5')
    await settled()
    expect(line.closed).toEqual({ code, reason: error.message })
    expect(line.texts).toEqual(['{"index":0,"term":0}', expect.stringContaining('"error"')])
  })

  test('cuts a reason that a close frame cannot hold between two characters', async () => {
    const service = new Numbers(10)
    service.refusalOf = () => ({ status: 400, detail: `a${'ü'.repeat(100)}` })
    const { line, session } = started(service)
    session.hear('nonsense')
    const { reason = '' } = line.closed ?? {}
    expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123)
    expect(reason).toMatch(/^aü{50,}\.\.\.$/)
  })

  test('an error in predicting the cost is a failure', async () => {
    const service = new Numbers(10)
    service.reader.cost = () => {
      throw new Error('a fault')
    }
    const { line, session } = started(service)
    session.hear('{}')
    expect(line.closed?.code).toBe(1011)
  })

  test('the end comes with the last term of the limit, without more credit', async () => {
    const { line, session } = started()
    session.hear('{"limit":3,"credit":3}')
    await settled()
    expect([line.texts.at(-1), line.closed?.code]).toEqual(['{"end":true}', 1000])
  })

  test('the end before the limit comes when the next term could be sent', async () => {
    const { line, session } = started(new Numbers(10, 3))
    session.hear('{"limit":9,"credit":3}')
    await settled()
    expect(line.closed).toBeUndefined()
    session.hear('{"credit":1}')
    await settled()
    expect([line.texts.at(-1), line.closed?.code]).toEqual(['{"end":true}', 1000])
  })

  test('credits of any size add up', async () => {
    const { line, session } = started()
    session.hear('{"limit":20,"credit":999999999999999}')
    for (let i = 0; i < 20; i++) session.hear('{"credit":999999999999999}')
    await settled()
    expect(line.closed?.code).toBe(1000)
  })
})
