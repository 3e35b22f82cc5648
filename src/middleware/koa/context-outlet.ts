import type { Context } from 'koa'
import type { Exchange, HeadOutcome } from '../../core/cache/exchange.ts'
import type { Reply } from '../../core/cache/reply.ts'
import type { Outlet } from '../node/serve.ts'
import { type MarkedResponse, STANDS_FOR } from '../node/symbols.ts'
import { judgeAbove, recordsAbove, restoreFields, tap } from '../node/tap.ts'
import { setFields } from '../node/watch.ts'
import { answerContext } from './answer.ts'
import { recordBody } from './body.ts'
import { directOutlet } from './direct-outlet.ts'
import { UNSET, WRITTEN } from './notes.ts'
import { type KoaPassage, report, statusOf, watchContext } from './passage.ts'

/**
 * Answers and records through `ctx`, so that what lies outside the cache works on answers from it as on the handler's.
 * Where the handler writes to the response itself, that is recorded, and answered there too.
 */
export const contextOutlet: Outlet<KoaPassage> = {
  answer(passage, reply) {
    if (reply.note === WRITTEN) directOutlet.answer(passage, reply)
    else answerContext(passage.ctx, reply)
  },

  async forward(passage, exchange) {
    const { ctx, response, next } = passage
    tap(response, exchange, WRITTEN)
    watchContext(ctx, exchange)
    try {
      await next()
    } catch (error) {
      if (isTaken(ctx)) throw error
      leave(passage, exchange)
      return rescue(passage, exchange, error)
    }
    if (isTaken(ctx)) return
    leave(passage, exchange)
    judge(passage, exchange)
  },
}

/** Back outside: the client's own conditions are in place again, and what is read now is not the handler's doing. */
function leave({ request, head }: KoaPassage, exchange: Exchange): void {
  if (exchange.conditions !== undefined) setFields(request, head.fields as typeof request.headers)
  exchange.reads?.pause()
}

/** Whether the handler writes the answer itself. */
function isTaken(ctx: Context): boolean {
  return ctx.respond === false || ctx.headerSent || !ctx.writable
}

function judge(passage: KoaPassage, exchange: Exchange): void {
  const { ctx, response } = passage
  const note = ctx.body === undefined && !isEmpty(ctx.status) ? UNSET : undefined
  const outcome = judgeAbove(response, ctx.status, note)
  switch (outcome.kind) {
    case 'replace':
      return answerInstead(passage, outcome.reply)
    case 'record': {
      const content = recordBody(ctx, outcome.recording, exchange.reads)
      if (content === undefined) return exchange.discard()
      recordsAbove(response, content, outcome.recording)
      return addCacheStatus(ctx, outcome.cacheStatus)
    }
    case 'pass':
      return addCacheStatus(ctx, outcome.cacheStatus)
  }
}

/** The handler threw: a stale answer where that is allowed. */
function rescue(passage: KoaPassage, exchange: Exchange, error: unknown): void {
  const { ctx } = passage
  const status = statusOf(error)
  const lost = status === undefined ? exchange.lost() : undefined
  // The error's page is made outside of this layer, so it is never stored here.
  const reply = lost ?? replyOf(exchange.head({ status: status ?? 500, lines: ['Cache-Control', 'no-store'] }))
  if (reply === undefined) throw error
  ;(passage.response as MarkedResponse)[STANDS_FOR] = status ?? 'lost'
  answerInstead(passage, reply)
  report(ctx, error)
}

function replyOf(outcome: HeadOutcome): Reply | undefined {
  return outcome.kind === 'replace' ? outcome.reply : undefined
}

function answerInstead(passage: KoaPassage, reply: Reply): void {
  restoreFields(passage.response)
  contextOutlet.answer(passage, reply)
}

/** RFC 9211 section 2: each cache adds its member to what is there. */
function addCacheStatus(ctx: Context, cacheStatus: string | undefined): void {
  if (cacheStatus === undefined) return
  const present = ctx.response.get('Cache-Status')
  ctx.set('Cache-Status', present ? `${String(present)}, ${cacheStatus}` : cacheStatus)
}

function isEmpty(status: number): boolean {
  return status === 204 || status === 205 || status === 304
}
