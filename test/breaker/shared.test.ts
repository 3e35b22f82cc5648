import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe } from 'vitest'
import { sqliteStore } from '../../src/adapters/stores/sqlite.ts'
import { memoryStore, type RemoteStore } from '../../src/index.ts'
import { describeSharing } from './shared-suite.ts'

describe('over memory', () => {
  const store = memoryStore()
  describeSharing('atomic', () => store)
})

describe('over SQLite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-breakers-'))
  const all: RemoteStore[] = []
  afterAll(async () => {
    await Promise.all(all.map((store) => store.close()))
    rmSync(folder, { recursive: true, force: true })
  })
  describeSharing('atomic', () => {
    const store = sqliteStore({ path: join(folder, 'store') })
    all.push(store)
    return store
  })
})
