import { createRequire } from 'node:module'
import { cache, purgeHandler, setCachePolicy } from 'breakwater/express'
import type express from 'express'
import type { Bridge, Setting } from '../subject.ts'
import { ask, listen, send } from '../wire.ts'

const require = createRequire(import.meta.url)

function application(release: 'express' | 'express4', setting: Setting): express.Application {
  const app = (require(release) as typeof express)()
  app.set('env', 'test')
  if (setting.trustProxy) app.set('trust proxy', true)
  if (setting.purge !== undefined) app.use(purgeHandler({ ...setting.purge, cache: setting.cache.cache }))
  app.use(cache(setting.cache))
  if (setting.inner !== undefined) app.use(cache(setting.inner))
  app.use((request, response, next) => {
    const { method, originalUrl, headers } = request
    void Promise.resolve()
      .then(() => {
        const resolved = () => ({ hostname: request.hostname, protocol: request.protocol })
        return setting.handler({ method, url: originalUrl, headers, resolved })
      })
      .then((answer) => {
        if (answer.rule !== undefined) setCachePolicy(response, answer.rule)
        send(response, answer)
      })
      .catch(next)
  })
  return app
}

export function expressBridge(name: string, release: 'express' | 'express4'): Bridge {
  return {
    name,
    side: 'server',
    seesErrors: false,
    isFramework: true,
    async start(setting) {
      const { port, close } = await listen(application(release, setting))
      return { port, request: (path, asking) => ask(port, path, asking), close }
    },
  }
}
