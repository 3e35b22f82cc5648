import express, { type Express } from 'express'
import { fibonacci, memoryStore, ResponseCache } from '../../dist/index.js'
import { cache, sequenceRouter } from '../../dist/middleware/express/index.js'
import { cache as koaCache } from '../../dist/middleware/koa/index.js'
import { SERVERS } from '../compression/servers/index.ts'
import { PAGE, SEQUENCE } from '../sequences/servers.ts'
import { expressApp } from '../subjects/express-app.ts'
import { SUBJECTS, type SubjectName } from '../subjects/index.ts'
import { koaApp } from '../subjects/koa-app.ts'
import type { FixedAnswer, Listener } from '../subjects/subject.ts'

/** Listeners that are asked the same; the first is what the others are measured by. */
export interface Group {
  readonly name: string
  /** Path and query of the request with a number. */
  target(number: number): string
  readonly fields: Readonly<Record<string, string>>
  /** Status of all answers. */
  readonly status: number
  readonly listeners: readonly (readonly [name: string, listener: Listener])[]
}

const BYTES = 2048
const settings = { bytes: BYTES, delay: 0, ran: (): void => {} }
/** Caches without a store would share that of the process, and find what others have stored. */
const own = (): ResponseCache => new ResponseCache({ store: memoryStore() })

/** What the cache answers, for those that write it without looking anything up. */
const ANSWER: FixedAnswer = {
  status: 200,
  lines: [
    ...['Cache-Control', 'public, max-age=3600', 'Content-Type', 'application/json; charset=utf-8'],
    ...['Content-Length', `${BYTES}`, 'ETag', 'W/"800-QFTyu5xDyR4T4cIrGpdhBFQ84xc"'],
    ...['Age', '0', 'Cache-Status', 'Breakwater; hit; ttl=3600'],
  ],
  body: 'x'.repeat(BYTES),
}

const subject = async (name: SubjectName, label: string): Promise<readonly [string, Listener]> => {
  const make = await SUBJECTS[name]()
  return [label, make({ ...settings, answer: ANSWER })]
}

/** A hit of 2 KB: the same URL again and again. */
export async function hits(): Promise<Group> {
  return {
    name: 'a hit, 2 KB',
    target: () => '/item/1',
    fields: {},
    status: 200,
    listeners: [
      await subject('raw', 'node:http alone'),
      await subject('shield', '**`shield`**'),
      await subject('express-ceiling', 'first in Express 5, a constant answer'),
      await subject('express-cache', '**first in Express 5**'),
      await subject('koa-cache', '**first in Koa 3**'),
      await subject('koa-second-ceiling', 'second in Koa 3, a constant answer'),
      await subject('koa-cache-second', '**second in Koa 3**'),
    ],
  }
}

/** Every URL is new. The rows of the cache leave one stage of it out each. */
export async function expressMisses(): Promise<Group> {
  const mounted = (options: Parameters<typeof cache>[0]): Listener => {
    return expressApp(settings, cache({ cache: own(), ...options }))
  }
  return {
    ...missGroup('a miss with storing, 2 KB, Express 5'),
    listeners: [
      await subject('express', 'Express 5 alone'),
      await subject('express-map', 'a few lines and a Map, no policy'),
      ['**the cache**', mounted({})],
      ['without the guard', mounted({ guard: { mode: 'off' } })],
      ['nothing stored, all judged', mounted({ shouldCache: () => false })],
      ['not looked up: only HEAD is', mounted({ methods: ['HEAD'] })],
    ],
  }
}

export async function koaMisses(): Promise<Group> {
  const mounted = (options: Parameters<typeof koaCache>[0]): Listener => {
    return koaApp(settings, koaCache({ cache: own(), ...options }))
  }
  return {
    ...missGroup('a miss with storing, 2 KB, Koa 3'),
    listeners: [
      await subject('koa', 'Koa 3 alone'),
      await subject('koa-map', 'a few lines and a Map, no policy'),
      ['**the cache**', mounted({})],
      ['without the guard', mounted({ guard: { mode: 'off' } })],
      ['nothing stored, all judged', mounted({ shouldCache: () => false })],
      ['not looked up: only HEAD is', mounted({ methods: ['HEAD'] })],
    ],
  }
}

function missGroup(name: string): Omit<Group, 'listeners'> {
  return { name, target: (number) => `/item/${number}`, fields: {}, status: 200 }
}

/** `etag`: of the page. */
export function unchanged(etag: string): Group {
  const fields = { ETag: etag, 'Cache-Control': 'public, max-age=31536000, immutable', Vary: 'Accept' }
  const app = (mount: (app: Express) => void): Express => {
    const made = express()
    mount(made)
    return made
  }
  return {
    name: 'a 304 of a page of Fibonacci numbers, Express 5',
    target: () => PAGE,
    fields: { 'If-None-Match': etag },
    status: 304,
    listeners: [
      [
        'a route that only ends a 304',
        app((made) => made.get(`${SEQUENCE}/terms`, (_request, response) => response.status(304).end())),
      ],
      [
        'a route that sets the same fields',
        app((made) => {
          made.get(`${SEQUENCE}/terms`, (_request, response) => {
            for (const [name, value] of Object.entries(fields)) response.setHeader(name, value)
            response.status(304).end()
          })
        }),
      ],
      ['**`sequenceRouter`**', app((made) => made.use(SEQUENCE, sequenceRouter({ sequence: fibonacci })))],
    ],
  }
}

/** Answers that are not compressed. */
export async function untouched(path: '/image' | '/small', name: string): Promise<Group> {
  const without = { ran: (): void => {} }
  return {
    name: `not compressed: ${name}, Express 5`,
    target: () => path,
    fields: { 'Accept-Encoding': 'gzip' },
    status: 200,
    listeners: [
      ['Express 5 alone', (await SERVERS.express())(without)],
      ['**`compression()`**', (await SERVERS['express, ours']())(without)],
    ],
  }
}
