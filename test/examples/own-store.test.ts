import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { patience, root } from './program.ts'

describe('docs/own-store.md', () => {
  const page = readFileSync(join(root, 'docs/own-store.md'), 'utf8')
  // In the repository, so that `breakwater` is this package.
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(root, '.blocks-own-'))
  })
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  const command = (name: string, code: string, args: string[]) => {
    writeFileSync(join(folder, name), code)
    const { VITEST: _, FORCE_COLOR: __, ...env } = process.env
    const options = { cwd: root, env: { ...env, NO_COLOR: '1' }, encoding: 'utf8' } as const
    return spawnSync(process.execPath, [...args, join(folder, name)], options)
  }

  const nodeTest = ['--conditions=breakwater-source', '--test', '--test-reporter=tap']
  const [, example = ''] = /^```ts run\n(.*?)^```$/ms.exec(page) ?? []

  test('the store in a folder passes the suite, run by node:test', { timeout: patience }, () => {
    const { stdout, status } = command('folder.test.ts', example, nodeTest)
    expect(stdout).toMatch(/# fail 0$/m)
    expect(Number(/# pass (\d+)/.exec(stdout)?.[1])).toBeGreaterThan(35)
    expect(status).toBe(0)
  })

  test('with a fault in it, the store fails', { timeout: patience }, () => {
    const fault = example.replace('file.readDoubleBE(0) > Date.now()', 'true')
    expect(fault).not.toBe(example)
    const { stdout, status } = command('fault.test.ts', fault, nodeTest)
    expect(stdout).toMatch(/not ok \d+ - forgets an item when its lifetime ended/)
    expect(status).toBe(1)
  })

  test('the store by hand passes the suite, run by Vitest', { timeout: patience }, () => {
    const [, byHand = ''] = /^```ts\n(.*?)^```$/ms.exec(page) ?? []
    const settings = `export default {
      resolve: { conditions: ['breakwater-source', 'node'] },
      ssr: { resolve: { conditions: ['breakwater-source', 'node'] } },
    }`
    writeFileSync(join(folder, 'vitest.config.mjs'), settings)
    const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', folder]
    const { stdout, status } = command('by-hand.test.ts', byHand, vitest)
    expect(stdout).toMatch(/Tests\s+\d+ passed/)
    expect(status).toBe(0)
  })
})
