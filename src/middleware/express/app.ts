import type { IncomingMessage, ServerResponse } from 'node:http'
import { excuseGetters } from '../node/getters.ts'
import type { Origin } from '../node/request-head.ts'
import { hostOf, schemeOf } from '../node/request-head.ts'
import type { Listener } from '../node/shadow.ts'
import { type MarkedRequest, READS } from '../node/symbols.ts'
import { COPIED } from '../node/watch.ts'

/** What this adapter uses of an Express 4 or 5 application. */
export interface ExpressApp {
  (request: IncomingMessage, response: ServerResponse): unknown
  readonly parent?: ExpressApp
  readonly request: object
  readonly response: object
  get(name: 'trust proxy fn'): unknown
}

/** What this adapter uses of an Express 4 or 5 request. */
export interface ExpressRequest extends MarkedRequest {
  readonly app: ExpressApp
  readonly originalUrl: string
}

/** The application that the server was started with: mounted ones know their parent. */
export function rootOf(app: ExpressApp): Listener {
  let root = app
  while (root.parent !== undefined) root = root.parent
  return root
}

/** Scheme and authority by the application's own trust in its proxies (`trust proxy`); looking does not count. */
export function resolvedOrigin(request: ExpressRequest): Origin {
  const reads = request[READS]
  return reads === undefined ? originOf(request) : reads.suspend(() => originOf(request))
}

/** Scheme and authority as a proxy tells them that the application trusts; undefined where none is before us. */
export function trustedOrigin(request: ExpressRequest): Origin | undefined {
  return trustsPeer(request) ? resolvedOrigin(request) : undefined
}

function originOf(request: ExpressRequest): Origin {
  const { headers } = request
  const proto = headers['x-forwarded-proto']
  const host = headers['x-forwarded-host']
  if ((proto === undefined && host === undefined) || !trustsPeer(request)) {
    return { scheme: schemeOf(request), authority: hostOf(request) }
  }
  return {
    scheme: proto === undefined ? schemeOf(request) : first(proto),
    authority: host === undefined ? hostOf(request) : first(host),
  }
}

function trustsPeer({ app, socket }: ExpressRequest): boolean {
  const trusts = app.get('trust proxy fn')
  return typeof trusts === 'function' && trusts(socket.remoteAddress, 0) === true
}

function first(value: string | string[]): string {
  return (typeof value === 'string' ? value : (value[0] ?? '')).split(',', 1)[0]?.trim().toLowerCase() ?? ''
}

/** Lets reads inside Express' own getters not count as the handler's, and those inside `render` count. */
export function prepare({ request, response }: ExpressApp): void {
  excuseGetters(request as MarkedRequest, (own) => own[READS])
  noteRendering(response as Rendering)
}

interface Rendering {
  locals?: { readonly [COPIED]?: undefined }
  render?: (this: Rendering, ...args: unknown[]) => unknown
}

const noted = new WeakSet<Rendering>()

/** Express 4 copies `res.locals` for its templates in a way that does not show what is unset. */
function noteRendering(prototype: Rendering): void {
  const { render } = prototype
  if (render === undefined || noted.has(prototype)) return
  noted.add(prototype)
  prototype.render = function (...args) {
    void this.locals?.[COPIED]
    return render.apply(this, args)
  }
}
