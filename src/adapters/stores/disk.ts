import { resolve } from 'node:path'
import { systemClock } from '../../core/clock.ts'
import { limit, positiveInteger, quote } from '../../core/options.ts'
import { knownRemoteOptions, type RemoteStore, type RemoteStoreOptions, remoteStore } from '../../core/store/remote.ts'
import { DiskBackend } from './disk-backend.ts'

export interface DiskStoreOptions extends RemoteStoreOptions {
  /** Where files are kept, in a folder of our own inside. Made if it is not there. */
  readonly folder: string
  /**
   * Bytes of all items' files, over all processes; what ends first leaves first. Some processes that write at once may
   * pass it by up to 5 per cent. At least 1 MiB, or Infinity. Default 1 GiB.
   */
  readonly maxBytes?: number | undefined
  /** Bytes: a larger body is not kept. Default 64 MiB, or a quarter of `maxBytes` where that is less. */
  readonly maxEntrySize?: number | undefined
}

const MiB = 1024 * 1024

/**
 * A store in a folder, one file for each item and one more for a large body, which several processes of a
 * machine may share and which outlives them. Files appear whole or not at all, even where a process is killed while it
 * writes. Nothing is forced to the disk, so that a crash of the machine may damage the last files: those are misses.
 * Where items are mostly small, `sqliteStore` needs much less CPU.
 *
 * @throws TypeError or RangeError for an option it cannot use. A folder that cannot be used is told of by `ready()`.
 */
export function diskStore(options: DiskStoreOptions): RemoteStore {
  knownRemoteOptions('diskStore', options, ['folder', 'maxBytes'])
  const folder = options?.folder
  if (typeof folder !== 'string' || folder === '' || folder.includes('\0')) {
    throw new TypeError(`diskStore needs the option folder, the path of a folder, not ${quote(folder)}`)
  }
  const maxBytes = limit('maxBytes', options.maxBytes, 1024 * MiB)
  if (maxBytes < MiB) throw new RangeError(`maxBytes must be at least ${MiB}, not ${quote(maxBytes)}`)
  const maxEntrySize = positiveInteger(
    'maxEntrySize',
    options.maxEntrySize,
    Math.min(64 * MiB, Math.floor(maxBytes / 4)),
  )
  const backend = new DiskBackend(resolve(folder), maxBytes, options.clock ?? systemClock)
  return remoteStore('disk', backend, { ...options, maxEntrySize })
}
