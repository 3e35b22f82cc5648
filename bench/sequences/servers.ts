import { Child } from '../child.ts'
import { type Answer, fieldOf, httpGet } from '../http-get.ts'
import { sockets } from '../load/sockets.ts'
import { type Effort, type Figures, generator } from '../servers.ts'

export const SERVER_NAMES = [
  'sequence, 304',
  'route, 304',
  'route with the same fields, 304',
  'sequence, cached',
  'handler, cached',
] as const
export type ServerName = (typeof SERVER_NAMES)[number]

/** What a server is started with. */
export interface ServerSettings {
  readonly name: ServerName
  /** What the sequence answers, for those that stand beside it. */
  readonly answer: {
    /** Those that a 304 has, too. */
    readonly fields: Readonly<Record<string, string>>
    /** Those that belong to the content. */
    readonly content: Readonly<Record<string, string>>
    readonly body: string
  }
}

interface Running {
  readonly name: ServerName
  readonly child: Child
  readonly port: number
  readonly fields: Readonly<Record<string, string>>
}

interface Usage {
  /** Microseconds. */
  readonly cpu: number
  /** How many have come in. */
  readonly requests: number
}

export const SEQUENCE = '/fibonacci'
/** A page of about 22 KB. */
export const PAGE = `${SEQUENCE}/terms?start=1000&limit=100`

/** All servers, one after the other in each round, all of them alive all the time: CPU microseconds for each request. */
export async function measureServers({ rounds, seconds }: Effort): Promise<Figures> {
  const figures = new Map<string, number[]>(SERVER_NAMES.map((name) => [name, []]))
  const running: Running[] = []
  try {
    const model = await pageOf()
    for (const name of SERVER_NAMES) running.push(await start(name, model))
    for (let i = 0; i < 2; i++) for (const each of running) await run(each, seconds)
    for (let round = 0; round < rounds; round++) {
      // Turned around every other round, so that nobody always follows the same one.
      for (const each of round % 2 === 0 ? running : [...running].reverse()) {
        figures.get(each.name)?.push(await run(each, seconds))
      }
    }
    return figures
  } finally {
    await Promise.all(running.map(({ child }) => child.stop()))
  }
}

/** The page as the sequence answers it. */
async function pageOf(): Promise<Answer> {
  const settings: ServerSettings = { name: 'sequence, 304', answer: { fields: {}, content: {}, body: '{}' } }
  const child = new Child('./sequences/server-child.ts', settings, 'sequence-model')
  const { port } = await child.ready<{ port: number }>()
  const answer = await httpGet(port, PAGE)
  await child.stop()
  return answer
}

async function start(name: ServerName, model: Answer): Promise<Running> {
  const fields = fieldsOf(model, ['etag', 'cache-control', 'vary'])
  const links = fieldsOf(model, ['link', 'content-type'])
  const settings: ServerSettings = { name, answer: { fields, content: links, body: model.body } }
  const child = new Child('./sequences/server-child.ts', settings, name.replaceAll(/\W+/g, '-'))
  const { port } = await child.ready<{ port: number }>()
  const asked = name.endsWith('304') ? { 'If-None-Match': fields.etag ?? '' } : {}
  const running = { name, child, port, fields: asked }
  // What is kept is kept behind the first answer.
  await httpGet(port, PAGE, asked)
  check(running, await httpGet(port, PAGE, asked), model)
  return running
}

function fieldsOf(model: Answer, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, fieldOf(model, name) ?? '']))
}

/** A figure for a wrong answer would be worth nothing. */
function check({ name }: Running, answer: Answer, model: Answer): void {
  const { status, body } = answer
  const isHit = /; *hit/.test(fieldOf(answer, 'cache-status') ?? '')
  const isRight = name.endsWith('304') ? status === 304 && body === '' : status === 200 && body === model.body && isHit
  if (!isRight) throw new Error(`${name} answers ${status} with ${body.length} bytes`)
}

/** Divides by the requests that came in: those that are left open when the time is up have cost something too. */
async function run({ name, child, port, fields }: Running, seconds: number): Promise<number> {
  const before = await child.ask<Usage>()
  await (name.endsWith('304') ? sockets : generator)({ port, path: PAGE, seconds, fields })
  const after = await child.ask<Usage>()
  return (after.cpu - before.cpu) / (after.requests - before.requests)
}
