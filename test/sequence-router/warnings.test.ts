import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const program = fileURLToPath(new URL('./warnings-child.ts', import.meta.url))

test('a stream in Koa through cache and compression has no more listeners than Node takes for right', async () => {
  const args = ['--conditions=breakwater-source', program]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 25_000 })
  expect(stdout).toBe('gzip 5\n')
})
