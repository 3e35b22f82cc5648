import { fibonacci, lucas, primes, type Sequence } from 'breakwater'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Framework, frameworks, naive, type Received, squares, startSubject } from './subjects.ts'

/** The terms of an answer, read as a client reads the format. */
const readers: Record<string, (got: Received, start: number) => unknown[]> = {
  json: ({ body }, start) => {
    const content = JSON.parse(body)
    expect([content.start, content.count]).toEqual([start, content.terms.length])
    return content.terms
  },
  array: ({ body }) => JSON.parse(body),
  ndjson: ({ body }, start) => {
    expect(body === '' || body.endsWith('\n')).toBe(true)
    const records = body.split('\n').slice(0, -1)
    return records.map((record, i) => {
      const { index, term } = JSON.parse(record)
      expect(index).toBe(start + i)
      return term
    })
  },
  sse: ({ status, body }, start) => {
    if (status === 204) return []
    const events = body.split('\n\n').slice(0, -1)
    expect(events.pop()).toBe(`event: end\ndata: {"count":${events.length}}`)
    return events.map((event, i) => {
      const [id, data = ''] = event.split('\n')
      expect(id).toBe(`id: ${start + i}`)
      return JSON.parse(data.slice('data: '.length))
    })
  },
}

const sequences: Record<string, { readonly sequence: Sequence; readonly most: number }> = {
  fibonacci: { sequence: fibonacci, most: 2000 },
  lucas: { sequence: lucas, most: 300 },
  primes: { sequence: primes, most: 1000 },
  'squares with an end': { sequence: squares({ length: 150 }).sequence, most: 200 },
}

async function everyFormatAgrees(framework: Framework, sequence: Sequence, most: number): Promise<void> {
  const subject = await startSubject(framework, { router: { sequence } })
  const expected = await naive(sequence, 0, most + 300)
  const page = fc.record({ start: fc.integer({ min: 0, max: most }), limit: fc.integer({ min: 1, max: 300 }) })
  const holds = async ({ start, limit }: { start: number; limit: number }): Promise<void> => {
    for (const [format, read] of Object.entries(readers)) {
      const got = await subject.get(`/terms?start=${start}&limit=${limit}&format=${format}`)
      expect(got.isWhole).toBe(true)
      const terms = read(got, start)
      expect([format, terms]).toEqual([format, expected.slice(start, start + limit)])
    }
    const range = `items=${start}-${start + limit - 1}`
    for (const format of ['json', 'array', 'ndjson']) {
      const got = await subject.get(`/terms?format=${format}`, { range })
      const rest = expected.slice(start, start + limit)
      if (rest.length === 0) expect(got.status).toBe(416)
      else {
        const end = `${start + rest.length - 1}/${sequence.length ?? '*'}`
        expect(got.headers['content-range']).toBe(`items ${start}-${end}`)
        expect(readers[format]?.(got, start)).toEqual(rest)
      }
    }
  }
  await fc.assert(fc.asyncProperty(page, holds), { numRuns: 6 })
}

describe.each(frameworks)('in $name', (framework) => {
  test.each(Object.entries(sequences))(
    'every format carries the same terms of %s, those of the naive walk',
    async (_, { sequence, most }) => everyFormatAgrees(framework, sequence, most),
    20_000,
  )

  test('walking along the links gives every term once', async () => {
    const subject = await startSubject(framework, { router: { sequence: squares({ length: 95 }).sequence } })
    const terms: unknown[] = []
    let next: string | undefined = '?start=0&limit=10'
    while (next !== undefined) {
      const got: Received = await subject.get(`/terms${next}`)
      terms.push(...JSON.parse(got.body).terms)
      next = /<([^>]*)>; rel="next"/.exec(got.headers.link ?? '')?.[1]
    }
    expect(terms).toEqual(Array.from({ length: 95 }, (_, n) => n * n))
  })

  test('a page that is long is sent as it is made, and is the same', async () => {
    const subject = await startSubject(framework, { router: { sequence: fibonacci } })
    const got = await subject.get('/terms?start=40000&limit=100')
    expect(got.headers).toMatchObject({ 'transfer-encoding': 'chunked', etag: expect.any(String) })
    const [first, ...rest] = JSON.parse(got.body).terms.map(BigInt)
    expect(rest.length).toBe(99)
    expect(rest.every((term: bigint, i: number) => i < 2 || term === rest[i - 1] + rest[i - 2])).toBe(true)
    expect(rest[1]).toBe(rest[0] + first)
  })
})
