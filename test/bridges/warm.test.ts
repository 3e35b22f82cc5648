import { describe, expect, test, vi } from 'vitest'
import { counting, type Handler, isHit, startSubject } from './subject.ts'
import { bridges } from './subjects/index.ts'

const fresh = { 'Cache-Control': 'max-age=60' }

describe.each(bridges)('$name: warming', (bridge) => {
  /** Behind a first request, by which an Express or Koa mount knows its app. */
  const start = async (handler: Handler) => {
    const subject = await startSubject(bridge, {}, handler)
    await subject.request('/first')
    const origin = `http://${subject.asked[0]?.headers.host}`
    return { ...subject, at: (path: string): string => origin + path }
  }

  test('stores what is not stored yet, and tells how far it is', async () => {
    const { responses, request, at } = await start(({ url }) => ({
      headers: url === '/private' ? { 'Cache-Control': 'private' } : fresh,
      body: `at ${url}`,
    }))
    const onProgress = vi.fn()
    const report = await responses.warm([at('/a?b=1'), at('/private')], { concurrency: 1, onProgress })
    expect(report).toEqual({ stored: 1, refused: 1, failed: 0 })
    expect(onProgress.mock.calls).toEqual([
      [{ url: at('/a?b=1'), done: 1, total: 2, stored: true }],
      [{ url: at('/private'), done: 2, total: 2, stored: false }],
    ])
    const got = await request('/a?b=1')
    expect(got.body).toBe('at /a?b=1')
    expect(isHit(got)).toBe(true)
  })

  test('asks anew for what is stored', async () => {
    const { responses, request, at } = await start(counting(fresh))
    await responses.warm([at('/first')])
    expect((await request('/first')).body).toBe('answer 2')
  })

  test('ends with its signal while a handler runs, which stores nothing any more', async () => {
    let end = (): void => {}
    const { responses, request, at, asked } = await start(async ({ url }) => {
      if (url === '/slow') await new Promise<void>((resolve) => (end = resolve))
      return { headers: fresh, body: url }
    })
    const controller = new AbortController()
    const warming = responses.warm([at('/slow'), at('/next')], { concurrency: 1, signal: controller.signal })
    await expect.poll(() => asked.length).toBe(2)
    controller.abort('enough')
    await expect(warming).rejects.toBe('enough')
    end()
    const slow = request('/slow')
    await expect.poll(() => asked.length).toBe(3)
    end()
    expect(isHit(await slow)).toBe(false)
    expect(asked.map(({ url }) => url)).toEqual(['/first', '/slow', '/slow'])
  })
})
