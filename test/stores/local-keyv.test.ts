import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe } from 'vitest'
import { type LocalKind, openLocal } from '../support/local-stores.ts'
import { describeAsAdapter } from './keyv-suite.ts'

const kinds: LocalKind[] = ['sqlite', 'disk']

describe.each(kinds)('on a folder of its own', (kind) => {
  const folder = mkdtempSync(join(tmpdir(), `breakwater-${kind}-`))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  describeAsAdapter(`${kind}Store`, () => openLocal(kind, join(folder, 'store')))
})
