import type { Clock } from '../../core/clock.ts'
import type { ListCapabilities } from '../../core/store/capabilities.ts'
import { StoreError } from '../../core/store/errors.ts'
import { endOf, type SqliteFile } from './sqlite-file.ts'

/** Each is one statement, or several in one transaction: no other caller or process comes between. */
export function sqliteCapabilities(file: SqliteFile, clock: Clock): ListCapabilities {
  const end = (lifetime: number): number => endOf(clock, lifetime)
  return {
    scope: 'host',
    read: (key) => file.use(({ read }) => bufferOf(read.get(key, clock.now())?.value)),
    increment: (key, by, lifetime) =>
      file.use(({ increment }) => {
        // Not `get`, which would not be told if the transaction that ends behind the row failed.
        const [row] = increment.all(key, end(lifetime), Buffer.from(String(by)), clock.now())
        if (row === undefined) throw new StoreError('What is to be counted is no number')
        return Number(bufferOf(row.value))
      }),
    setIfAbsent: (key, value, lifetime) =>
      file.use(({ setIfAbsent }) => setIfAbsent.run(key, end(lifetime), value, clock.now()).changes === 1),
    compareAndSwap: (key, expected, next, lifetime) =>
      file.use(({ swap, remove }) => {
        const result =
          next === undefined
            ? remove.run(key, expected, clock.now())
            : swap.run(next, end(lifetime), key, expected, clock.now())
        return result.changes === 1
      }),
    append: (key, value, lifetime) =>
      file.transaction(({ endList, lengthen, append }) => {
        endList.run(key, clock.now())
        const length = lengthen.get(key, end(lifetime))?.length as number
        append.run(key, length - 1, value)
        return length
      }),
    slice: (key, from) =>
      file.use(({ slice }) => slice.all(key, from, clock.now()).map(({ value }) => bufferOf(value) as Buffer)),
  }
}

function bufferOf(value: unknown): Buffer | undefined {
  if (!(value instanceof Uint8Array)) return undefined
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}
