import { type MemoryStore, memoryStore } from './memory.ts'

let shared: MemoryStore | undefined

/** The memory store of 64 MiB that everything in this process uses unless told otherwise; made on first use. */
export function defaultStore(): MemoryStore {
  shared ??= memoryStore()
  return shared
}
