import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const main = fileURLToPath(new URL('../../conformance/main.ts', import.meta.url))

function conformance(checkout: string | undefined) {
  const { CACHE_TESTS: _, ...env } = process.env
  return spawnSync(process.execPath, ['--conditions=breakwater-source', main], {
    encoding: 'utf8',
    env: checkout === undefined ? env : { ...env, CACHE_TESTS: checkout },
  })
}

test('without a checkout of the suite the command says how to get one', () => {
  const { status, stdout, stderr } = conformance(undefined)
  expect(stderr).toMatch(
    /^CACHE_TESTS is not set\. Get the suite once with `git clone .*npm i --no-save undici@7`.*\n$/,
  )
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
})

test('a folder that is no checkout is told apart from none', () => {
  const folder = mkdtempSync(join(tmpdir(), 'no-suite-'))
  try {
    const { status, stderr } = conformance(folder)
    expect(stderr).toMatch(/^CACHE_TESTS names a folder without the suite's test-engine\. Get the suite once/)
    expect(status).toBe(2)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
