import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ResponseCache } from 'breakwater'
import { diskStore } from 'breakwater/stores/disk'
import { cache } from 'breakwater/undici'
import { Agent } from 'undici'
import { expect, test, vi } from 'vitest'

const MiB = 2 ** 20

test('a large body from the store that its reader has enough of is let go of', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-undici-'))
  const heldOpen = (): number =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).includes('=body')
      } catch {
        return false
      }
    }).length
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'Cache-Control': 'max-age=600', 'Content-Length': 4 * MiB }).end(Buffer.alloc(4 * MiB))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const store = diskStore({ folder })
  const written = vi.spyOn(store, 'set')
  const agent = new Agent().compose(cache({ cache: new ResponseCache({ store, storeTimeout: 5000 }) }))
  await (await agent.request({ origin, path: '/', method: 'GET' })).body.dump({ limit: 5 * MiB })
  await vi.waitFor(() => expect(written.mock.settledResults[0]?.type).toBe('fulfilled'), 20_000)

  const left = await agent.request({ origin, path: '/', method: 'GET' })
  expect(left.headers['cache-status']).toContain('hit')
  expect(heldOpen()).toBe(1)
  left.body.on('error', () => {}).destroy()
  await vi.waitFor(() => expect(heldOpen()).toBe(0))

  const ending = new AbortController()
  const aborted = await agent.request({ origin, path: '/', method: 'GET', signal: ending.signal })
  expect(heldOpen()).toBe(1)
  ending.abort()
  await expect(aborted.body.text()).rejects.toThrow()
  await vi.waitFor(() => expect(heldOpen()).toBe(0))

  await agent.destroy()
  server.closeAllConnections()
  server.close()
  await store.close()
  rmSync(folder, { recursive: true })
})
