/** Sequences over HTTP under test. */
import { request } from 'node:http'
import { defineSequence, memoryStore, type Sequence, walk } from 'breakwater'
import { afterEach } from 'vitest'
import { joined, listen } from '../bridges/wire.ts'
import { type Framework, MOUNT, type Setting } from './frameworks.ts'

export { type Framework, frameworks, MOUNT } from './frameworks.ts'

/** What came over the wire, as far as it came. */
export interface Received {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Whether it ended as it should. */
  readonly isWhole: boolean
}

export interface Subject {
  readonly port: number
  get(path?: string, headers?: Record<string, string>, method?: string): Promise<Received>
}

const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

export async function startSubject(framework: Framework, setting: Setting): Promise<Subject> {
  // Sequences of the same name are many here.
  const router = { store: memoryStore(), ...setting.router }
  const { port, close } = await listen(framework.listener({ ...setting, router }))
  closing.push(close)
  return {
    port,
    get: (path = '', headers = {}, method = 'GET') => receive(port, `${MOUNT}${path}`, headers, method),
  }
}

function receive(port: number, path: string, headers: Record<string, string>, method: string): Promise<Received> {
  return new Promise((resolve, reject) => {
    const fields = { host: 'example.test', ...headers }
    const asking = request({ host: '127.0.0.1', port, path, method, headers: fields, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
      })
      response.on('error', () => {})
      response.once('close', () => {
        const { statusCode: status = 0, headersDistinct, complete: isWhole } = response
        resolve({ status, headers: joined(headersDistinct), body, isWhole })
      })
    })
    asking.once('error', reject)
    asking.end()
  })
}

/** The terms of a sequence, by a walk from its first one. */
export async function naive(sequence: Sequence, start: number, count: number): Promise<unknown[]> {
  const terms: unknown[] = []
  for await (const { texts } of walk({ ...sequence, jump: undefined }, { count: start + count })) {
    for (const text of texts) terms.push(JSON.parse(text))
  }
  return terms.slice(start)
}

/** Squares, and how often one was computed. `length` of them; deterministic unless said otherwise. */
export function squares(given: { readonly length?: number; readonly deterministic?: boolean } = {}): {
  readonly sequence: Sequence<number, number>
  readonly computed: () => number
} {
  let computed = 0
  const sequence = defineSequence<number>({
    id: 'squares',
    ...given,
    start: () => 0,
    next: (n) => n + 1,
    jump: (n) => n,
    term: (n) => {
      computed++
      return n * n
    },
  })
  return { sequence, computed: () => computed }
}

/** Targets of a Link field by relation. */
export function linksOf({ headers }: Received): Record<string, string> {
  const links = [...(headers.link ?? '').matchAll(/<([^>]*)>; rel="([^"]*)"/g)]
  return Object.fromEntries(links.map(([, href = '', rel = '']) => [rel, href]))
}
