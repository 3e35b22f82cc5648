/** All that the handlers of the transparency suite do with a response comes out the same behind compression. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { normalised, requestText, sendRaw } from '../transparency/raw-client.ts'
import type { Shape } from '../transparency/shape.ts'
import { shapes } from '../transparency/shapes.ts'
import { answersIn } from './raw-answers.ts'
import type { RawHandler, Running, Setting } from './subject.ts'
import { subjects } from './subjects/index.ts'

/** What a handler saw, by the number in its URL. */
const seen = new Map<string, unknown[]>()
let number = 0

const handleShape: RawHandler = (request, response) => {
  const url = new URL(request.url ?? '', 'http://origin.test')
  const shape = shapes[Number(url.searchParams.get('shape'))] as Shape
  const noted: unknown[] = []
  seen.set(url.searchParams.get('n') as string, noted)
  const note = (...what: unknown[]): void => void noted.push(what)
  response.on('error', (error: NodeJS.ErrnoException) => note('error', error.code))
  void (async () => shape.handle(response, note, request))().catch((error: NodeJS.ErrnoException) => {
    note('failed', error.code ?? error.message)
    response.destroy()
  })
}

/** Everything is worth encoding here, so that the shapes go all ways that there are. */
const everything: Setting = { compression: { threshold: 0 }, filter: () => true, raw: handleShape }

async function observe(port: number, i: number, lines: string[], method: string) {
  const n = String(++number)
  const path = `/?shape=${i}&n=${n}`
  const bytes = await sendRaw(port, requestText({ path, method, lines: [...lines, 'Connection: close'] }))
  await new Promise((resolve) => setTimeout(resolve, 4))
  return { bytes: normalised(bytes), noted: seen.get(n) }
}

const DIFFERENT = new Set([
  // A length that is not that of the content is replaced by that of the encoding.
  'Content-Length too large',
  'Content-Length too small',
  'strictContentLength',
  // Node refuses these pairs beside fields that are set, though it takes them otherwise.
  'setHeader and writeHead(array of pairs)',
  // Node keeps the reason of the head that it refused.
  'bad value in writeHead, then an error page',
  // An encoding comes later than what was written.
  'what happens in order',
])

/** The fields that an encoding changes. */
const CHANGED = new Set(['content-encoding', 'content-length', 'transfer-encoding', 'vary', 'etag', 'x-kept'])

function comparable(bytes: string, isHead: boolean): unknown {
  return answersIn(bytes, isHead).map(({ status, reason, fields, text, trailers }) => {
    const kept = [...fields].filter(([name]) => !CHANGED.has(name)).sort()
    return { status, reason, kept, text, trailers }
  })
}

describe.each(subjects)('$name', (subject) => {
  let bare: Running
  let running: Running
  beforeAll(async () => {
    bare = await subject.start({ compression: false, raw: handleShape })
    running = await subject.start(everything)
  })
  afterAll(() => Promise.all([bare.close(), running.close()]))

  const known = shapes.flatMap((shape, i) => (DIFFERENT.has(shape.name) ? [] : [{ ...shape, i }]))

  describe.each([
    ['gzip', ['Accept-Encoding: gzip']],
    ['zstd', ['Accept-Encoding: zstd']],
    ['identity', []],
  ])('%s', (_coding, lines) => {
    test.each(['GET', 'HEAD'])('%s', async (method) => {
      const differing: unknown[] = []
      const isHead = method === 'HEAD'
      await Promise.all(
        known.map(async ({ name, i, breaks }) => {
          const [expected, found] = await Promise.all([
            observe(bare.port, i, lines, method),
            observe(running.port, i, lines, method),
          ])
          const of = ({ bytes, noted }: typeof found): string =>
            JSON.stringify([noted, breaks === true || comparable(bytes, isHead)])
          if (of(expected) !== of(found)) differing.push({ name, expected, found })
        }),
      )
      expect(differing).toEqual([])
    })
  })
})
