import { closeSync, globSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { diskStore } from '../../src/adapters/stores/disk.ts'
import { type Subject, startSubject } from './subject.ts'
import { bridges } from './subjects/index.ts'

const MiB = 2 ** 20

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'breakwater-broken-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const bodyFile = (): string => globSync(join(folder, '**/*=body'))[0] ?? ''

function heldOpen(): number {
  const paths = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return paths.filter((path) => path.startsWith(folder) && path.includes('=body')).length
}

describe.each(bridges)('$name: a large body that is damaged', (bridge) => {
  const start = async (): Promise<Subject> => {
    const store = diskStore({ folder })
    const written = vi.spyOn(store, 'set')
    const headers = { 'Cache-Control': 'max-age=60', 'Content-Length': String(4 * MiB) }
    const subject = await startSubject(bridge, { store, storeTimeout: 5000 }, () => ({
      body: 'a'.repeat(4 * MiB),
      headers,
    }))
    await subject.request('/')
    await vi.waitFor(() => expect(written.mock.settledResults[0]?.type).toBe('fulfilled'), 5000)
    return subject
  }

  test('never reaches a client as if it were whole, is a miss afterwards, and leaves nothing open', async () => {
    const subject = await start()
    const file = openSync(bodyFile(), 'r+')
    writeSync(file, 'b', 2 * MiB)
    closeSync(file)
    await expect(subject.request('/')).rejects.toThrow()
    await vi.waitFor(() => expect(bodyFile()).toBe(''))
    await vi.waitFor(() => expect(heldOpen()).toBe(0))
    expect((await subject.request('/')).body.length).toBe(4 * MiB)
    expect(subject.asked).toHaveLength(2)
  })
})
