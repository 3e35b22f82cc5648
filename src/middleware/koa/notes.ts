/** The answer was written to the response itself, beneath `ctx`. */
export const WRITTEN = 'koa-written'
/** `ctx.body` was never set: Koa writes the status in words, unless something outside sets it. */
export const UNSET = 'koa-unset'
