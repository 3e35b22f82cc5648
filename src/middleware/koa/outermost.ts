import type { Context, Middleware } from 'koa'

/** Middleware of ours that works on the response itself and leaves `ctx` alone. */
const beneath = new WeakSet<Middleware>()

/** Marks a middleware as one that works on the response itself: what is inside it need not answer through `ctx`. */
export function worksBeneath(middleware: Middleware): Middleware {
  beneath.add(middleware)
  return middleware
}

/** Whether nothing outside a middleware looks at `ctx`. */
export function isOutermost({ app }: Context, middleware: Middleware): boolean {
  for (const each of app.middleware) {
    if (each === middleware) return true
    if (!beneath.has(each as Middleware)) return false
  }
  return false
}
