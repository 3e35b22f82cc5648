import { memoryStore, ResponseCache } from 'breakwater'
import { cache } from 'breakwater/undici'
import { expect, test } from 'vitest'
import { afterwards, answering, releases, startOrigin } from './support.ts'

test.each(releases)('setGlobalDispatcher of %s puts the cache before global fetch', async (name, undici) => {
  const origin = await startOrigin(answering('{"a":1}'))
  const agent = new undici.Agent()
  const before = undici.getGlobalDispatcher()
  undici.setGlobalDispatcher(agent.compose(cache(new ResponseCache({ store: memoryStore() }))))
  afterwards(() => {
    undici.setGlobalDispatcher(before)
    return agent.destroy()
  })
  const fetches = name === 'undici 8' ? [fetch, undici.fetch] : [fetch]
  for (const ask of fetches) {
    for (let i = 0; i < 3; i++) {
      const response = await ask(`${origin.url}/`)
      expect(response.headers.get('content-length') ?? '7').toBe('7')
      expect(await response.clone().text()).toBe('{"a":1}')
      expect(await response.json()).toEqual({ a: 1 })
    }
  }
  expect(origin.seen).toHaveLength(1)
})
