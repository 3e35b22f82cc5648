/** A disk of a few MiB that tests can fill. */
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe } from 'vitest'
import { findProgram, requireProgram } from './servers.ts'

export interface SmallDisk {
  readonly folder: string
  /** Takes all the room that is left. */
  fill(): void
  /** Gives back what `fill` took. */
  makeRoom(): void
  /** Removes the disk, with what is on it. */
  remove(): void
}

/** Mounts an empty disk in memory. Needs the right to mount. */
export function mountSmallDisk(bytes: number): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-small-disk-'))
  execFileSync(requireProgram('mount'), ['-t', 'tmpfs', '-o', `size=${bytes},mode=700`, 'breakwater', folder], {
    stdio: 'pipe',
  })
  const ballast = join(folder, 'ballast')
  const remove = () => {
    process.off('exit', remove)
    // Lazily: a test that failed may have left a file open.
    spawnSync(requireProgram('umount'), ['--lazy', folder])
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', remove)
  return { folder, fill: () => fill(ballast), makeRoom: () => rmSync(ballast), remove }
}

/**
 * `describe` for tests that need a small disk. Where nobody lets us mount one they are skipped under their own names;
 * with REQUIRE_SERVERS=1, where a skip is a failure, they are left out.
 */
export function describeWithSmallDisk(title: string, tests: () => void): void {
  if (canMount()) describe(title, tests)
  else if (process.env.REQUIRE_SERVERS !== '1') describe.skip(`${title} (needs the right to mount)`, tests)
}

function canMount(): boolean {
  if (findProgram('mount') === undefined || findProgram('umount') === undefined) return false
  try {
    mountSmallDisk(2 ** 20).remove()
    return true
  } catch {
    return false
  }
}

/** Pieces of a page: what is left is less than the smallest file. */
function fill(path: string): void {
  const file = openSync(path, 'a')
  try {
    for (const page = Buffer.alloc(4096); ; ) writeSync(file, page)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(file)
  }
}
