import { createRequire } from 'node:module'
import { cache, compression } from 'breakwater/express'
import type express from 'express'
import type { RequestHandler, Response } from 'express'
import { listen } from '../../bridges/wire.ts'
import type { Answer, Setting, Subject } from '../subject.ts'

const require = createRequire(import.meta.url)

function layersOf({ compression: options = {}, filter, cache: caching, outside, between }: Setting): RequestHandler[] {
  const compressing = options === false ? [] : [compression(filter === undefined ? options : { ...options, filter })]
  const cached = caching === undefined ? [] : [cache(caching)]
  const inner = between === undefined ? [] : [between.express]
  return outside === 'cache' ? [...cached, ...inner, ...compressing] : [...compressing, ...inner, ...cached]
}

function application(release: 'express' | 'express4', setting: Setting): express.Application {
  const app = (require(release) as typeof express)()
  app.set('env', 'test').disable('x-powered-by').disable('etag')
  for (const layer of layersOf(setting)) app.use(layer)
  app.use((request, response, next) => {
    const { handler, raw } = setting
    if (raw !== undefined) return raw(request, response)
    void Promise.resolve()
      .then(async () => put(response, await (handler as NonNullable<typeof handler>)(request)))
      .catch(next)
  })
  return app
}

/** Gives a handler's answer as Express' routes do. */
function put(response: Response, { status = 200, headers = {}, body, stream, compress }: Answer): void {
  response.status(status)
  for (const [name, value] of Object.entries(headers)) response.set(name, value as string | string[])
  if (compress !== undefined) Object.assign(response, { compress })
  if (stream === undefined) {
    response.send(body)
    return
  }
  const source = stream()
  source.once('error', () => response.destroy())
  source.pipe(response)
}

export function expressSubject(name: string, release: 'express' | 'express4'): Subject {
  return { name, framework: 'express', start: (setting) => listen(application(release, setting)) }
}
