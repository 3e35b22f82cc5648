import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { open } from './client.ts'

const MB = 1024 * 1024
const size = 200 * MB
const program = fileURLToPath(new URL('./stream-server.ts', import.meta.url))

/** Reads an answer to its end, in pieces with pauses between them if `slowly`. */
async function read(url: string, slowly: boolean): Promise<number> {
  const response = await open(url)
  let bytes = 0
  let unread = 0
  for await (const chunk of response) {
    bytes += chunk.length
    unread += chunk.length
    if (slowly && unread > 4 * MB) {
      unread = 0
      await sleep(10)
    }
  }
  return bytes
}

describe('a streamed answer of 200 MB', () => {
  let child: ChildProcess
  let url: string
  beforeEach(async () => {
    child = fork(program, { execArgv: ['--conditions=breakwater-source'] })
    const [{ port }] = (await once(child, 'message')) as [{ port: number }]
    url = `http://127.0.0.1:${port}`
  })
  afterEach(async () => {
    child.kill()
    await once(child, 'exit')
  })

  async function mostMemory(): Promise<number> {
    child.send('tell')
    const [{ most }] = (await once(child, 'message')) as [{ most: number }]
    return most
  }

  test.each([
    ['known', 1],
    ['unknown', 1],
    ['known', 6],
    ['unknown', 6],
  ])(
    'of %s length takes hardly any memory, with %i readers',
    async (length, readers) => {
      // The same without the cache, so that what the streams themselves need is there already.
      const all = (path: string): Promise<number[]> =>
        Promise.all(Array.from({ length: readers }, () => read(`${url}${path}`, readers > 1)))
      await all(`/bare/${length === 'known' ? length : 'measured'}`)
      const before = await mostMemory()
      expect(await all(`/${length === 'known' ? length : 'measured'}`)).toEqual(Array(readers).fill(size))
      expect((await mostMemory()) - before).toBeLessThan(30 * MB)
    },
    30_000,
  )
})
