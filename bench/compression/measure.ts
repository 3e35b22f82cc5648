import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { Child } from '../child.ts'
import { type BinaryAnswer, fieldOf, httpGetBytes } from '../http-get.ts'
import { wrk } from '../load/wrk.ts'
import type { Effort } from '../servers.ts'
import { IMAGE, PRODUCTS, SMALL } from './documents.ts'
import { nameOf, type Subject } from './rows.ts'
import type { EncodedAnswer } from './servers/server.ts'

export interface Measured {
  readonly subject: Subject
  /** Bytes of content on the wire. */
  readonly bytes: number
  /** CPU microseconds for each request: one number for each round. */
  readonly figures: number[]
}

interface Running {
  readonly measured: Measured
  readonly child: Child
  readonly port: number
}

interface Usage {
  /** Microseconds. */
  readonly cpu: number
  /** How many have come in. */
  readonly requests: number
  /** How often the handler has run. */
  readonly runs: number
}

/** Measures all subjects, one after the other in each round, all of them alive all the time. By their names. */
export async function measure(
  subjects: readonly Subject[],
  { rounds, seconds }: Effort,
): Promise<ReadonlyMap<string, Measured>> {
  const running: Running[] = []
  try {
    // Those that repeat another's answer come last.
    const ordered = [...subjects].sort((a, b) => Number(isRepeater(a)) - Number(isRepeater(b)))
    for (const subject of ordered) running.push(await start(subject, running))
    for (let i = 0; i < 2; i++) for (const each of running) await run(each, seconds)
    for (let round = 0; round < rounds; round++) {
      // Turned around every other round, so that nobody always follows the same one.
      for (const each of round % 2 === 0 ? running : [...running].reverse()) {
        each.measured.figures.push(await run(each, seconds))
      }
    }
    return new Map(running.map(({ measured }) => [nameOf(measured.subject), measured]))
  } finally {
    await Promise.all(running.map(({ child }) => child.stop()))
  }
}

async function start(subject: Subject, before: readonly Running[]): Promise<Running> {
  const answer = isRepeater(subject) ? await answerOf(before) : undefined
  const profile = nameOf(subject).replaceAll(/\W+/g, '-')
  const child = new Child('./compression/server-child.ts', { name: subject.server, answer }, profile)
  const { port } = await child.ready<{ port: number }>()
  // What is kept is kept behind the first answer; the third one is for sure what is measured.
  for (let i = 0; i < 2; i++) check(subject, await ask(subject, port))
  const last = await ask(subject, port)
  check(subject, last)
  return { measured: { subject, bytes: last.body.length, figures: [] }, child, port }
}

function isRepeater({ server }: Subject): boolean {
  return server === 'raw' || server === 'express, raw'
}

/** That of the shield, which has written it from its cache. */
async function answerOf(running: readonly Running[]): Promise<EncodedAnswer> {
  const model = running.find(({ measured }) => measured.subject.server === 'shield, cached')
  if (model === undefined) throw new Error('There is nobody whose answer the raw servers could repeat')
  const { status, lines, body } = await ask(model.measured.subject, model.port)
  return { status, lines, base64: body.toString('base64') }
}

function ask({ path, accept }: Subject, port: number): Promise<BinaryAnswer> {
  return httpGetBytes(port, path, { 'Accept-Encoding': accept })
}

/** A figure for a wrong answer would be worth nothing. */
function check(subject: Subject, answer: BinaryAnswer): void {
  const { status, body } = answer
  const coding = fieldOf(answer, 'content-encoding')
  const isRight =
    status === 200 &&
    coding === subject.coding &&
    (coding === undefined || /accept-encoding/i.test(fieldOf(answer, 'vary') ?? '')) &&
    isContent(subject.path, decoded(body, coding))
  if (!isRight) throw new Error(`${nameOf(subject)} answers ${status}, ${coding}, ${body.length} bytes`)
}

function decoded(body: Buffer, coding: string | undefined): Buffer {
  if (coding === 'gzip') return gunzipSync(body)
  return coding === 'zstd' ? zstdDecompressSync(body) : body
}

function isContent(path: Subject['path'], content: Buffer): boolean {
  switch (path) {
    case '/image':
      return content.equals(IMAGE)
    case '/small':
      return content.toString() === JSON.stringify(SMALL)
    case '/same':
    case '/different': {
      const { count } = JSON.parse(content.toString())
      return (
        content.toString() === JSON.stringify({ count, products: PRODUCTS }) && (path === '/same') === (count === 0)
      )
    }
  }
}

/**
 * Divides by the requests that came in, not by wrk's count of answers: those that wrk leaves open when its time is up
 * have cost something too, and there are more of them in a second the slower a server is.
 */
async function run({ measured, child, port }: Running, seconds: number): Promise<number> {
  const { subject } = measured
  const before = await child.ask<Usage>()
  await wrk({ port, path: subject.path, seconds, fields: { 'Accept-Encoding': subject.accept } })
  const after = await child.ask<Usage>()
  const requests = after.requests - before.requests
  const runs = after.runs - before.runs
  if (runs !== (subject.handler === 'runs' ? requests : 0)) {
    throw new Error(`The handler of ${nameOf(subject)} ran ${runs} times for ${requests} requests`)
  }
  return (after.cpu - before.cpu) / requests
}
