import { randomBytes } from 'node:crypto'
import { mkdir, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import type { StoreCapabilities } from '../../core/store/capabilities.ts'
import type { ByteBackend, ByteBodies } from '../../core/store/remote.ts'
import { DiskCells } from './disk-cells.ts'
import { DiskFiles, diskError, type Found, inFolder, remove } from './disk-files.ts'

/** Milliseconds between two walks that remove what has ended and count what is there. */
const walkEvery = 10 * 60_000
/** Parts of `maxBytes`: what a process writes before it tells the others, and where eviction stops. */
const stepShare = 1 / 256
const roomy = 0.92
/** Bytes that a file holds beside the item's, about. */
const overhead = 70

/**
 * Items in files. How much all processes have written is in the length of a file that each of them adds a byte to for
 * every step; whoever finds that the limit may be passed walks the folder, counts, and removes what ends first.
 */
export class DiskBackend implements ByteBackend {
  readonly capabilities: StoreCapabilities
  readonly #root: string
  readonly #maxBytes: number
  readonly #step: number
  readonly #clock: Clock
  readonly #items: DiskFiles
  readonly #cells: DiskCells
  readonly #steps: string
  #timer: NodeJS.Timeout | undefined
  #tidying: Promise<void> | undefined
  /** What whoever wants to write waits for. */
  #makingRoom: Promise<void> | undefined
  #isClosed = false
  /** Bytes that the last walk counted, and the steps at that time. */
  #counted = 0
  #countedAt = 0
  /** Bytes of this process that are in no step yet. */
  #unnoted = 0
  readonly #writing = new Set<Promise<number>>()
  /** Bytes that wait for room: they are in the steps, but not yet in the folder. */
  #waiting = 0
  readonly bodies: ByteBodies = {
    write: async (key, body, lifetime) => {
      const name = randomBytes(9).toString('base64url')
      await this.#inRoom(body.length, () => this.#items.writeBody(key, this.#clock.now() + lifetime, name, body))
      return name
    },
    open: (key, name, length) => this.#items.openBody(key, name, length),
    extend: (key, name, lifetime) => this.#items.extendBody(key, name, this.#clock.now() + lifetime),
  }

  constructor(folder: string, maxBytes: number, clock: Clock) {
    this.#root = join(folder, 'breakwater-1')
    this.#maxBytes = maxBytes
    this.#step = maxBytes * stepShare
    this.#clock = clock
    this.#items = new DiskFiles(join(this.#root, 'items'), join(this.#root, 'temporary'))
    this.#cells = new DiskCells(this.#root, clock)
    this.#steps = join(this.#root, 'written')
    this.capabilities = this.#cells
  }

  async open(): Promise<void> {
    try {
      for (const part of ['items', 'cells', 'locks', 'temporary']) {
        await mkdir(join(this.#root, part), { recursive: true })
      }
      this.#countedAt = await this.#note(0)
    } catch (error) {
      throw diskError(this.#root, error)
    }
    this.#timer ??= setInterval(() => this.#tidyUnasked(), walkEvery).unref()
    this.#tidyUnasked()
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const kept = await this.#items.read(key)
    return kept && kept.expires > this.#clock.now() ? kept.value : undefined
  }

  async set(key: string, bytes: Buffer, lifetime: number): Promise<void> {
    await this.#inRoom(bytes.length, () => this.#items.write(key, this.#clock.now() + lifetime, bytes))
  }

  async #inRoom(bytes: number, write: () => Promise<number>): Promise<void> {
    await this.#makingRoom
    // Counted before it is written, so that what is under way is within the limit too.
    this.#unnoted += bytes + overhead
    if (this.#unnoted >= this.#step) {
      this.#waiting += bytes
      await this.#watch().finally(() => {
        this.#waiting -= bytes
      })
    }
    const writing = write()
    this.#writing.add(writing)
    await writing.finally(() => this.#writing.delete(writing))
  }

  async delete(keys: readonly string[]): Promise<void> {
    await Promise.all(keys.map((key) => this.#items.delete(key)))
  }

  async clear(prefix: string): Promise<void> {
    try {
      for await (const { path } of this.#items.walk(prefix)) await remove(path)
      await this.#cells.clear(prefix)
    } catch (error) {
      throw diskError(this.#root, error)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    await this.#tidying?.catch(() => {})
  }

  /** Notes what was written, and makes room where all processes together may have passed the limit. */
  async #watch(): Promise<void> {
    const steps = Math.floor(this.#unnoted / this.#step)
    this.#unnoted -= steps * this.#step
    try {
      const since = (await this.#note(steps)) - this.#countedAt
      // Two more, for what we and another process have in no step yet.
      const isWithin = this.#counted + (since + 2) * this.#step <= this.#maxBytes
      // Fewer steps than there were: somebody removed the folder.
      if (isWithin && since >= 0) return
      this.#makingRoom ??= this.#makeRoom().finally(() => {
        this.#makingRoom = undefined
      })
      await this.#makingRoom
    } catch (error) {
      throw diskError(this.#root, error)
    }
  }

  /** The steps of all processes, with so many more of ours. */
  async #note(more: number): Promise<number> {
    return inFolder(this.#steps, async () => {
      const file = await open(this.#steps, 'a')
      try {
        if (more > 0) await file.write('.'.repeat(more))
      } finally {
        await file.close()
      }
      return (await stat(this.#steps)).size
    })
  }

  /** A walk of its own, which sees all that this process has begun to write. */
  async #makeRoom(): Promise<void> {
    await Promise.allSettled([...this.#writing, this.#tidying])
    await this.#tidy()
  }

  #tidyUnasked(): void {
    // Nobody waits for it: who writes is told what is wrong with the folder.
    this.#tidy().catch(() => {})
  }

  #tidy(): Promise<void> {
    this.#tidying ??= this.#walk().finally(() => {
      this.#tidying = undefined
    })
    return this.#tidying
  }

  async #walk(): Promise<void> {
    const at = await this.#note(0)
    const found: Found[] = []
    let bytes = 0
    for await (const file of this.#items.walk()) {
      if (this.#isClosed) return
      // The file's date may be coarse.
      if (file.ends + 2000 < this.#clock.now()) await remove(file.path)
      else {
        found.push(file)
        bytes += file.bytes
      }
    }
    bytes += (await this.#items.bytesUnderWay()) + this.#waiting
    if (bytes > this.#maxBytes * (1 - 4 * stepShare)) bytes -= await removeFirst(found, bytes - this.#maxBytes * roomy)
    this.#counted = bytes
    this.#countedAt = at
    await this.#items.removeLeftOvers()
    await this.#cells.sweep()
  }
}

/** Removes those that end first until so many bytes are free; how many those were. */
async function removeFirst(files: Found[], bytes: number): Promise<number> {
  files.sort((a, b) => a.ends - b.ends)
  let free = 0
  for (const file of files) {
    if (free >= bytes) break
    await remove(file.path)
    free += file.bytes
  }
  return free
}
