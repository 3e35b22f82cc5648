import { createRequire } from 'node:module'
import { fibonacci } from 'breakwater'
import { sequenceRouter as onExpress } from 'breakwater/express'
import { sequenceRouter as onKoa } from 'breakwater/koa'
import type express from 'express'
import { afterEach, describe, expect, test } from 'vitest'
import { newKoa } from '../bridges/subjects/koa.ts'
import { ask, type Listener, listen } from '../bridges/wire.ts'
import { readLinks } from '../support/links.ts'

const require = createRequire(import.meta.url)
const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

/** Where the links of a path lead to, and what its root says. */
async function linksAt(listener: Listener, path: string, headers = {}): Promise<{ term: string[]; root: string }> {
  const { port, close } = await listen(listener)
  closing.push(close)
  const term = await ask(port, `${path}/terms/5`, { headers })
  const root = await ask(port, path === '' ? '/' : path, { headers })
  const hrefs = readLinks(term.headers.link).map(({ href }) => new URL(href, 'http://a.test').href)
  return { term: hrefs, root: new URL(JSON.parse(root.body).links.terms, 'http://a.test').href }
}

function linksBelow(base: string): { term: string[]; root: string } {
  return {
    term: [`${base}/terms/4`, `${base}/terms/6`],
    root: new URL(`${base}/terms{?start,limit,format}`).href,
  }
}

describe.each(['express', 'express4'] as const)('%s', (release) => {
  const newApp = (): express.Express => (require(release) as typeof express)()

  test.each(['', '/a', '/a/b'])("below '%s' links lead there", async (path) => {
    const app = newApp()
    const router = (require(release) as typeof express).Router()
    router.use(path === '/a/b' ? '/b' : '/', onExpress({ sequence: fibonacci }))
    app.use(path === '/a/b' ? '/a' : path || '/', router)
    expect(await linksAt(app, path)).toEqual(linksBelow(`http://a.test${path}`))
  })

  test('by prefix, within an application that is mounted', async () => {
    const [app, inner] = [newApp(), newApp()]
    inner.use(onExpress({ sequence: fibonacci, prefix: '/b' }))
    app.use('/a', inner)
    expect(await linksAt(app, '/a/b')).toEqual(linksBelow('http://a.test/a/b'))
  })

  test.each([false, true])('a path of whoever asks is no host of a link; trusted proxy %s', async (isTrusted) => {
    const app = newApp()
    app.set('trust proxy', isTrusted)
    app.use(/^.*\/numbers/, onExpress({ sequence: fibonacci }))
    const got = await linksAt(app, '//evil.test/numbers', { host: 'a.test' })
    expect(got).toEqual(linksBelow('http://a.test//evil.test/numbers'))
  })
})

describe.each(['koa', 'koa2'] as const)('%s', (release) => {
  test.each(['/a', '//evil.test/a'])("below '%s', which something has cut off, links lead there", async (path) => {
    const app = newKoa(release)
    app.use(async (ctx, next) => {
      ctx.path = ctx.path.slice(path.length) || '/'
      await next()
    })
    app.use(onKoa({ sequence: fibonacci, prefix: '' }))
    expect(await linksAt(app.callback(), path)).toEqual(linksBelow(`http://a.test${path}`))
  })
})
