import { StoreError, storeError } from '../../core/store/errors.ts'

/** What SQLite's primary result codes ask of whoever runs the process. */
const advice: Readonly<Record<number, string>> = {
  5: 'is locked by another process for longer than busyTimeout',
  6: 'is locked by another process for longer than busyTimeout',
  8: 'may not be written by this process',
  10: 'could not be read or written; see whether the disk is full or broken',
  11: 'is damaged; remove it, together with its -wal and -shm files, to start with an empty one',
  13: 'could not grow: the disk is full. Free some space, and keep maxBytes below what the disk has',
  14: 'could not be opened; its folder must exist and be writable',
  26: 'is not a SQLite database, or is damaged; give another path, or remove it to start with an empty one',
}

/** Whether another connection was in the way: the same call may work in a moment. */
export function isBusy(error: unknown): boolean {
  const code = primaryCode(error)
  return code === 5 || code === 6
}

/** @returns a StoreError that says what to do. */
export function sqliteError(path: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const said = advice[primaryCode(error) ?? -1]
  return storeError(`The SQLite file ${path} ${said ?? 'could not be used'}`, error)
}

/** SQLite puts details above the lowest eight bits. */
function primaryCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | undefined)?.errcode
  return typeof code === 'number' ? code & 0xff : undefined
}
