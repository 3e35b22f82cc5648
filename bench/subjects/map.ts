import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { expressApp } from './express-app.ts'
import { koaApp } from './koa-app.ts'
import type { Subject } from './subject.ts'

/** About as many answers of 2 KB as our default of 64 MiB holds. */
const MOST = 16_000

interface Kept {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: Buffer
  readonly at: number
}

/**
 * What storing cannot be much cheaper than while answers are kept as they come: a Map from URL to answer, the oldest
 * going first. No policy, no guard, no counting of bytes. Says whether it has answered.
 */
function keeper(): (request: IncomingMessage, response: ServerResponse) => boolean {
  const kept = new Map<string, Kept>()
  // The keys by age: a Map's own first key is found behind the holes that deleted ones leave.
  const keys: string[] = []
  let next = 0
  const keep = (url: string, answer: Kept): void => {
    if (keys.length === MOST) kept.delete(keys[next] as string)
    keys[next] = url
    next = (next + 1) % MOST
    kept.set(url, answer)
  }
  return ({ url = '/' }, response) => {
    const known = kept.get(url)
    if (known !== undefined) {
      response.writeHead(known.status, known.headers).end(known.body)
      return true
    }
    const { end } = response
    response.end = (...args: unknown[]) => {
      const body = Buffer.from(args[0] as string | Buffer)
      keep(url, { status: response.statusCode, headers: response.getHeaders(), body, at: Date.now() })
      return end.apply(response, args as Parameters<typeof end>)
    }
    return false
  }
}

export const expressMap: Subject = (settings) => {
  const answered = keeper()
  return expressApp(settings, (request, response, next) => {
    if (!answered(request, response)) next()
  })
}

export const koaMap: Subject = (settings) => {
  const answered = keeper()
  return koaApp(settings, async (context, next) => {
    if (answered(context.req, context.res)) context.respond = false
    else await next()
  })
}
