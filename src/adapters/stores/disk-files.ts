import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, readdir, readFile, realpath, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { StoreError, storeError } from '../../core/store/errors.ts'
import type { ByteBody } from '../../core/store/remote.ts'
import { bodyHeader, decodeFile, encodeFile, type Kept } from './disk-format.ts'

/** Files older than this that nobody has given their name are left over from a process that was killed. */
const leftOver = 10 * 60_000
/** Whoever can write to the folder could put a pipe there, whose opening would wait for ever, and others behind it. */
const reading = constants.O_RDONLY | constants.O_NONBLOCK
/** Seconds since the epoch that every file system takes: what never ends is dated so. */
const never = 4_102_444_800

/** A file as a walk finds it. */
export interface Found {
  readonly path: string
  readonly bytes: number
  /** Epoch ms: about when what it keeps ends. */
  readonly ends: number
}

/**
 * Files by key below a folder: two levels of a hex digit each, so that no folder gets too long and all are soon read.
 * A file is dated with the end of what it keeps, so that a walk need not open it; what counts is in the file.
 */
export class DiskFiles {
  readonly #top: string
  readonly #temporary: string

  constructor(top: string, temporary: string) {
    this.#top = top
    this.#temporary = temporary
  }

  /** The file is damaged, another key's or not there: undefined. */
  async read(key: string): Promise<Kept | undefined> {
    try {
      return decodeFile(key, await readFile(this.pathOf(key), { flag: reading }))
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw diskError(this.#top, error)
    }
  }

  /** Whole or not at all. `expires` in epoch ms. Resolves with the bytes of the file. */
  write(key: string, expires: number, value: Uint8Array): Promise<number> {
    return this.#write(key, expires, [encodeFile(key, expires, value)])
  }

  /** A body in a file of its own, whole or not at all. `name` tells it from others under the same key. */
  writeBody(key: string, expires: number, name: string, body: Buffer): Promise<number> {
    return this.#write(key, expires, [bodyHeader(key, name), body])
  }

  /** The body of that name and length, to be read even when its file is replaced or removed; undefined for any other. */
  async openBody(key: string, name: string, length: number): Promise<DiskBody | undefined> {
    const found = await this.#openBody(key, name)
    if (found === undefined) return undefined
    if (found.bytes === length) return new DiskBody(this.#top, found.file, found.start)
    await found.file.close()
    return undefined
  }

  /** Dates a body's file with another end; false where it is gone or another one. */
  async extendBody(key: string, name: string, expires: number): Promise<boolean> {
    const found = await this.#openBody(key, name)
    if (found === undefined) return false
    try {
      await date(found.file, expires)
      return true
    } finally {
      await found.file.close()
    }
  }

  async #openBody(key: string, name: string): Promise<{ file: FileHandle; start: number; bytes: number } | undefined> {
    let file: FileHandle | undefined
    try {
      file = await open(this.pathOf(key), reading)
      const expected = bodyHeader(key, name)
      const bytes = (await file.stat()).size - expected.length
      if (bytes > 0 && (await begins(file, expected))) return { file, start: expected.length, bytes }
      await file.close()
      return undefined
    } catch (error) {
      await file?.close()
      if (isAbsent(error)) return undefined
      throw diskError(this.#top, error)
    }
  }

  async #write(key: string, expires: number, parts: readonly Buffer[]): Promise<number> {
    const path = this.pathOf(key)
    const temporary = join(this.#temporary, randomUUID())
    try {
      await inFolder(temporary, () => fill(temporary, parts, expires))
      await inFolder(path, () => rename(temporary, path))
      return parts.reduce((sum, { length }) => sum + length, 0)
    } catch (error) {
      await remove(temporary).catch(() => {})
      throw diskError(this.#top, error)
    }
  }

  async delete(key: string): Promise<void> {
    await remove(this.pathOf(key)).catch((error) => {
      throw diskError(this.#top, error)
    })
  }

  /** Every file, or those of keys that start with `prefix`. */
  async *walk(prefix = ''): AsyncGenerator<Found> {
    const start = nameOf(prefix)
    const top = await unlinked(dirname(this.#top), basename(this.#top))
    if (top === undefined) return
    for (const folder of shards) {
      const names = await namesIn(await unlinked(top, folder))
      for (const name of names) {
        if (!name.startsWith(start)) continue
        const path = join(this.#top, folder, name)
        const stat = await lstat(path).catch(() => undefined)
        if (stat?.isFile()) yield { path, bytes: stat.size, ends: stat.mtimeMs }
      }
    }
  }

  /** Bytes of what is being written, by whatever process. */
  async bytesUnderWay(): Promise<number> {
    let bytes = 0
    for (const name of await this.#temporaries()) {
      bytes += (await lstat(join(this.#temporary, name)).catch(() => undefined))?.size ?? 0
    }
    return bytes
  }

  async removeLeftOvers(): Promise<void> {
    for (const name of await this.#temporaries()) {
      const path = join(this.#temporary, name)
      // Not the date of the content, which is in the future.
      const stat = await lstat(path).catch(() => undefined)
      if (stat && Date.now() - stat.ctimeMs > leftOver) await remove(path)
    }
  }

  async #temporaries(): Promise<string[]> {
    return namesIn(await unlinked(dirname(this.#temporary), basename(this.#temporary)))
  }

  pathOf(key: string): string {
    const shard = crc32(key) & 0xff
    return join(this.#top, shards[shard] as string, nameOf(key))
  }
}

const shards = Array.from({ length: 256 }, (_, i) => join((i >> 4).toString(16), (i & 15).toString(16)))

/** Does `work`, which needs the folder of `path`, and makes the folder where it is missing. */
export async function inFolder<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isAbsent(error)) throw error
  }
  await mkdir(dirname(path), { recursive: true })
  return work()
}

export function remove(path: string): Promise<void> {
  return rm(path, { force: true })
}

export function isAbsent(error: unknown): boolean {
  return codeOf(error) === 'ENOENT'
}

export function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code
}

const advice: Readonly<Record<string, string>> = {
  ENOSPC: 'cannot grow: the disk is full. Free some space, or lower maxBytes',
  EDQUOT: 'cannot grow: the quota is used up. Free some space, or lower maxBytes',
  EFBIG: 'cannot grow: the disk or the limit for files is full',
  EACCES: 'may not be read or written by this process',
  EPERM: 'may not be read or written by this process',
  EROFS: 'is on a disk that may only be read',
  ENOTDIR: 'is not a folder; give another path',
  EEXIST: 'is not a folder; give another path',
  EMFILE: 'has too many files open; raise the limit (ulimit -n)',
}

/** @returns a StoreError that says what to do. */
export function diskError(folder: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error
  return storeError(`The folder ${folder} ${advice[String(codeOf(error))] ?? 'could not be used'}`, error)
}

/** Keys have letters, digits and `:{}_-+`; not every file system takes all of them. */
function nameOf(key: string): string {
  return key.replaceAll(':', '=').replaceAll('{', '(').replaceAll('}', ')')
}

/**
 * The folder `part` below `above`; undefined where it is missing, or a link: whoever can write to the folder could have
 * what is elsewhere removed by a process that may do more.
 */
async function unlinked(above: string, part: string): Promise<string | undefined> {
  const path = join(above, part)
  try {
    return (await realpath(path)) === join(await realpath(above), part) ? path : undefined
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

async function namesIn(folder: string | undefined): Promise<string[]> {
  try {
    return folder === undefined ? [] : await readdir(folder)
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

async function fill(path: string, parts: readonly Buffer[], expires: number): Promise<void> {
  const handle: FileHandle = await open(path, 'wx')
  try {
    for (const part of parts) await handle.writeFile(part)
    await date(handle, expires)
  } finally {
    await handle.close()
  }
}

async function begins(file: FileHandle, expected: Buffer): Promise<boolean> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(expected.length), 0, expected.length, 0)
  return bytesRead === expected.length && buffer.equals(expected)
}

async function date(file: FileHandle, expires: number): Promise<void> {
  const seconds = Math.min(expires / 1000, never)
  await file.utimes(seconds, seconds)
}

/** A body in an open file. */
class DiskBody implements ByteBody {
  readonly #folder: string
  readonly #file: FileHandle
  readonly #start: number
  #isClosed = false

  constructor(folder: string, file: FileHandle, start: number) {
    this.#folder = folder
    this.#file = file
    this.#start = start
  }

  async *read(start: number, end: number, size: number): AsyncGenerator<Buffer, void, void> {
    for (let position = start; position < end; ) {
      const piece = Buffer.allocUnsafeSlow(Math.min(size, end - position))
      const { bytesRead } = await this.#file.read(piece, 0, piece.length, this.#start + position).catch((error) => {
        throw diskError(this.#folder, error)
      })
      if (bytesRead === 0) return
      position += bytesRead
      yield bytesRead === piece.length ? piece : piece.subarray(0, bytesRead)
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    // What is being read is waited for first.
    this.#file.close().catch(() => {})
  }
}
