import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { diskStore } from '../../src/adapters/stores/disk.ts'
import type { Contender, StoreBench } from './contender.ts'
import { ofStore } from './redis.ts'

export const disk: StoreBench = {
  name: 'Disk',
  bars: {},
  start: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'breakwater-bench-'))
    const contenders = [raw(folder), ofStore(diskStore({ folder: join(folder, 'ours') }))] as const
    return {
      contenders: [...contenders],
      stop: async () => {
        for (const contender of contenders) await contender.close()
        rmSync(folder, { recursive: true })
      },
    }
  },
}

/** Files that appear whole, as ours do; without lifetimes. */
function raw(folder: string): Contender {
  const fileOf = (key: string): string => join(folder, key)
  return {
    name: 'files, written beside and renamed',
    set: async (key, body) => {
      await writeFile(`${fileOf(key)}.new`, body)
      await rename(`${fileOf(key)}.new`, fileOf(key))
    },
    get: (key) => readFile(fileOf(key)),
    close: async () => {},
  }
}
