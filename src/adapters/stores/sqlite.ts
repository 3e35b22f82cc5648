import { systemClock } from '../../core/clock.ts'
import { duration, limit, positiveInteger, quote } from '../../core/options.ts'
import { knownRemoteOptions, type RemoteStore, type RemoteStoreOptions, remoteStore } from '../../core/store/remote.ts'
import { SqliteBackend } from './sqlite-backend.ts'
import { SqliteFile } from './sqlite-file.ts'

export interface SqliteStoreOptions extends RemoteStoreOptions {
  /** The database file, made if it is not there, in a folder that is. `:memory:` keeps everything in this process. */
  readonly path: string
  /**
   * Bytes of keys and items; the file holds a few per cent more. What ends first leaves first. At least 64 KiB, or
   * Infinity. Default 1 GiB.
   */
  readonly maxBytes?: number | undefined
  /** Milliseconds that a call waits for other processes that write, without holding this one up. Default 5,000. */
  readonly busyTimeout?: number | undefined
  /** Milliseconds between two looks for what has ended, beside those that come with writing. Default 60,000. */
  readonly sweepInterval?: number | undefined
  /** Bytes: a larger body is not kept. Default 64 MiB, or a quarter of `maxBytes` where that is less. */
  readonly maxEntrySize?: number | undefined
}

const ownOptions = ['path', 'maxBytes', 'busyTimeout', 'sweepInterval']
const KiB = 1024
const MiB = KiB * KiB

/**
 * A store in one SQLite file, which several processes of a machine may share and which outlives them. It is the
 * persistent store that needs no server: SQLite is part of Node, and is loaded on first use.
 *
 * Node's SQLite is synchronous: a read or a write of a few KiB holds this process up for some ten microseconds, one of
 * 512 KiB (larger bodies are kept in parts) for a millisecond or two, and the write that moves a few MiB from the log
 * into the file for as long as the disk takes. It suits a near disk; a network share is neither fast nor safe.
 * After a crash of the process nothing is lost, after one of the machine perhaps the last writes: never more.
 *
 * @throws TypeError or RangeError for an option it cannot use. A file that cannot be used is told of by `ready()`.
 */
export function sqliteStore(options: SqliteStoreOptions): RemoteStore {
  knownRemoteOptions('sqliteStore', options, ownOptions)
  const path = options?.path
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new TypeError(`sqliteStore needs the option path, the name of a file or ':memory:', not ${quote(path)}`)
  }
  const maxBytes = limit('maxBytes', options.maxBytes, 1024 * MiB)
  if (maxBytes < 64 * KiB) throw new RangeError(`maxBytes must be at least ${64 * KiB}, not ${quote(maxBytes)}`)
  const maxEntrySize = positiveInteger(
    'maxEntrySize',
    options.maxEntrySize,
    Math.min(64 * MiB, Math.floor(maxBytes / 4)),
  )
  const file = new SqliteFile(path, duration('busyTimeout', options.busyTimeout, 5000))
  const backend = new SqliteBackend(file, {
    maxBytes,
    sweepInterval: duration('sweepInterval', options.sweepInterval, 60_000),
    clock: options.clock ?? systemClock,
  })
  return remoteStore('sqlite', backend, { ...options, maxEntrySize })
}
