import { createHash } from 'node:crypto'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { SuiteGroup } from './scoring.ts'

/** A checkout of the suite that can be run. */
export interface Checkout {
  readonly folder: string
  readonly groups: readonly SuiteGroup[]
  /** Name, version and a digest of its tests: the version alone has not changed for years. */
  readonly version: string
}

const HOW_TO_GET_ONE =
  'Get the suite once with `git clone https://github.com/http-tests/cache-tests && cd cache-tests && ' +
  'npm i --no-save undici@7`, then run `CACHE_TESTS=<that folder> npm run conformance`.'

/** The suite cannot be run; the message says what to do. */
export class NoCheckoutError extends Error {
  override readonly name = 'NoCheckoutError'
}

/** @throws NoCheckoutError */
export async function openCheckout(path: string | undefined): Promise<Checkout> {
  if (path === undefined || path === '') throw new NoCheckoutError(`CACHE_TESTS is not set. ${HOW_TO_GET_ONE}`)
  const folder = resolve(path)
  if (!existsSync(suiteFile(folder, 'client/runner.mjs'))) {
    throw new NoCheckoutError(`CACHE_TESTS names a folder without the suite's test-engine. ${HOW_TO_GET_ONE}`)
  }
  const undici = undiciVersion(folder)
  if (undici?.startsWith('7.') !== true) {
    throw new NoCheckoutError(`The suite needs undici 7 beside it and finds ${undici ?? 'none'}. ${HOW_TO_GET_ONE}`)
  }
  const tests = await import(pathToFileURL(join(folder, 'tests/index.mjs')).href)
  return { folder, groups: tests.default, version: versionOf(folder) }
}

export function suiteFile(folder: string, path: string): string {
  return join(folder, 'test-engine', path)
}

function undiciVersion(folder: string): string | undefined {
  try {
    return createRequire(suiteFile(folder, 'client/test.mjs'))('undici/package.json').version
  } catch {
    return undefined
  }
}

function versionOf(folder: string): string {
  const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const digest = createHash('sha256')
  for (const file of globSync('{tests,test-engine}/**/*.mjs', { cwd: folder }).sort()) {
    digest.update(readFileSync(join(folder, file)))
  }
  return `${name} ${version}, content ${digest.digest('hex').slice(0, 12)}`
}
