import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startChromium } from '../support/chromium.ts'
import { describeWithProgram } from '../support/servers.ts'
import type { Running } from '../transparency/subjects.ts'
import {
  apps,
  type ClientApp,
  expectAll,
  type Kind,
  makeSecrets,
  type Protocol,
  resources,
  serveApp,
} from './client-apps.ts'

/** A busy machine takes its time. */
const busy = { interval: 5, timeout: 20_000 }

describeWithProgram('chromium', 'Chromium', () => {
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let app: ClientApp
  let running: Running

  beforeAll(async () => {
    browser = await startChromium()
  }, 60_000)

  afterAll(() => browser.close())

  // To a name without TLS it offers gzip and deflate alone.
  describe.each<[Kind, Protocol, string]>([
    ['express', 'http', 'gzip'],
    ['express', 'https', 'zstd'],
    ['koa', 'http', 'gzip'],
    ['koa', 'https', 'zstd'],
    ['shield', 'http', 'gzip'],
    ['shield', 'h2', 'zstd'],
  ])('on %s over %s', (kind, protocol, coding) => {
    beforeAll(async () => {
      app = apps[kind]()
      running = await serveApp(protocol, app, makeSecrets())
      context = await browser.newContext({ ignoreHTTPSErrors: true })
      page = await context.newPage()
    })
    afterAll(async () => {
      await context.close()
      await running.close()
    })

    const address = (path: string): string => running.url.replace('127.0.0.1', 'app.test') + path

    test(`shows a page with its script and its style, all in ${coding}`, async () => {
      const used: Record<string, string | undefined> = {}
      page.on('response', (response) => {
        used[new URL(response.url()).pathname] = response.headers()['content-encoding']
      })
      const response = await page.goto(address('/page'))
      expect(await response?.text()).toBe(resources['/page']!.content.toString())
      expect(await page.locator('html').getAttribute('lang')).toBe('de')
      expect(await page.evaluate('getComputedStyle(document.body).color')).toBe('rgb(1, 2, 3)')
      expect(used).toEqual({ '/page': coding, '/script.js': coding, '/style.css': coding })
      page.removeAllListeners('response')
    })

    test(`reads everything by fetch() in ${coding}`, async () => {
      await expectAll(coding, async (path) => {
        const { used, text } = await page.evaluate<{ used: string | null; text: string }>(`(async () => {
          const response = await fetch('${path}', { cache: 'no-store' })
          return { used: response.headers.get('content-encoding'), text: await response.text() }
        })()`)
        return { coding: used, content: Buffer.from(text) }
      })
    })

    test('has each event of an EventSource as soon as it is written', async () => {
      await page.evaluate(`{
        globalThis.events = []
        globalThis.source = new EventSource('/events')
        source.onmessage = ({ data }) => events.push(data)
      }`)
      await expect.poll(() => app.live.length, busy).toBe(1)
      for (const events of [['one'], ['one', 'two']]) {
        app.live[0]!.write(`data: ${events.at(-1)}\n\n`)
        await expect.poll(() => page.evaluate('events'), busy).toEqual(events)
      }
      await page.evaluate('source.close()')
    })

    test('reads records of NDJSON one by one while they are written', async () => {
      const used = page.evaluate(`fetch('/records').then((response) => {
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
        globalThis.read = async (text = '') => {
          const { value, done } = await reader.read()
          return done ? 'the end' : (text + value).endsWith('\\n') ? text + value : read(text + value)
        }
        return response.headers.get('content-encoding')
      })`)
      await expect.poll(() => app.live.length, busy).toBe(2)
      for (const number of [1, 2, 3]) {
        // Longer than the threshold under which nothing is encoded.
        const record = `${JSON.stringify({ number, text: 'word '.repeat(300) })}\n`
        app.live[1]!.write(record)
        expect(await used).toBe(coding)
        expect(await page.evaluate('read()')).toBe(record)
      }
      app.live[1]!.end()
      expect(await page.evaluate('read()')).toBe('the end')
    })

    test('reloads a page by its ETag', async () => {
      await page.goto(address('/page'))
      const answers: number[] = []
      running.server.on('request', (_request, response) =>
        response.once('finish', () => answers.push(response.statusCode)),
      )
      await page.reload()
      // It keeps no page that came with a certificate that it does not trust.
      expect(answers.sort()).toEqual(protocol === 'http' ? [304, 304, 304] : [200, 304, 304])
      expect(await page.locator('pre').textContent()).toBe(
        /<pre>(.*)<.pre>/s.exec(resources['/page']!.content.toString())![1],
      )
    })
  })
})
