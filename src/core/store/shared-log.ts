import { randomBytes } from 'node:crypto'
import type { ListCapabilities } from './capabilities.ts'
import { StoreError } from './errors.ts'

/** A record of a log. */
interface LogRecord {
  readonly sequence: number
  readonly value: Buffer
}

/** What a log had to say since it was last read. */
export interface LogNews {
  /** Names the log. Another name is another log: numbers of the one before mean nothing in it. */
  readonly log: string
  readonly records: readonly LogRecord[]
  /** The number of the newest record, or what the next one will be greater than. */
  readonly latest: number
  /** Records up to this number may have been lost or dropped without having been read. */
  readonly floor: number
}

/** Where the log stands. */
interface Head {
  readonly log: string
  /** How many lists have been dropped: the number of the first that is kept. */
  readonly first: number
  /** The names of the lists kept; the last one is written to. */
  readonly lists: readonly string[]
}

/** A place in the log. */
interface Position {
  readonly log: string
  readonly segment: number
  readonly index: number
  /** What stands before it in its list: if it is gone, the store has lost what it kept. */
  readonly before: Buffer
}

/** What a pass over the log brought. */
interface Pass {
  readonly at: Position
  readonly records: readonly LogRecord[]
  readonly floor: number
}

/** Records in one list of the store, and lists kept: 10,240 records. */
const segmentSize = 128
const segmentsKept = 80
/** What the first value of each list is. A list that begins otherwise has been lost since, and written to again. */
const START = Buffer.from('start')
const slots = 1 + segmentSize
/** A log is written to rarely, and must outlive whatever it speaks of, ms. */
const lifetime = 365 * 24 * 60 * 60 * 1000
/** Before each record, so that no two are the same. */
const markBytes = 8
/** How often a change of the head is tried anew because another process came between. */
const attempts = 20
/** Lists that a log may have had: beyond it numbers would not be exact. */
const mostSegments = 2 ** 40

/**
 * A log in a store that all processes add to and each reads on from where it was. Records have rising numbers. It is
 * bounded: of more than 10,240 records the oldest are dropped; who has not read them is told so by `floor`. A log that
 * the store has lost is followed by one of another name.
 */
export class SharedLog {
  readonly #capabilities: ListCapabilities
  readonly #name: string
  /** The next record to read. */
  #at: Position | undefined
  #floor = 0

  constructor(capabilities: ListCapabilities, name: string) {
    this.#capabilities = capabilities
    this.#name = name
  }

  /** @throws what the store rejects with, and StoreError where the log changes hands without end. */
  async append(value: Buffer): Promise<void> {
    // Two records are never the same, so that a list that is back at an older state is not taken for the one read.
    const record = Buffer.concat([randomBytes(markBytes), value])
    for (let attempt = 0; attempt < attempts; attempt++) {
      const { head, bytes } = await this.#head()
      const list = head.lists.at(-1) as string
      const length = await this.#capabilities.append(this.#listKey(list), record, lifetime)
      const isLost = length === 1 || this.#hasRead(head, length)
      if (isLost || length > slots) await this.#moveOn(head, bytes)
      else if (await this.#isKept(list)) return
    }
    throw this.#unsettled()
  }

  /** What is new. @throws as `append`. */
  async read(): Promise<LogNews> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const from = this.#at
      const { at, records, floor } = await this.#readFrom(from)
      // Another reading was quicker, and knows more perhaps: this one goes on from there.
      if (this.#at !== from) continue
      // Not before: a reading that fails half-way is made again from where it began.
      this.#at = at
      this.#floor = from?.log === at.log ? Math.max(this.#floor, floor) : floor
      return { log: at.log, records, latest: at.segment * slots + at.index, floor: this.#floor }
    }
    throw this.#unsettled()
  }

  async #readFrom(from: Position | undefined): Promise<Pass> {
    const { head, bytes } = await this.#head()
    const last = lastOf(head)
    const goesOn = from !== undefined && from.log === head.log && from.segment >= head.first
    let at = goesOn ? from : startOf(head.log, head.first)
    let floor = goesOn ? 0 : head.first * slots
    const records: LogRecord[] = []
    for (;;) {
      const { segment, index } = at
      const values = await this.#valuesFrom(head, at)
      values?.forEach((value, i) => {
        records.push({ sequence: segment * slots + index + i + 1, value: value.subarray(markBytes) })
      })
      const end = index + (values?.length ?? 0)
      if (values !== undefined && segment >= last) {
        return { at: { ...at, index: end, before: values.at(-1) ?? at.before }, records, floor }
      }
      // What the store has lost there is not known.
      if (values === undefined || end < slots) floor = (segment + 1) * slots
      at = startOf(head.log, segment + 1)
      if (segment < last) continue
      // Nobody goes on in this list.
      await this.#moveOn(head, bytes)
      return { at, records, floor }
    }
  }

  /** The records from a place on; undefined where what stood before it does not. */
  async #valuesFrom({ first, lists }: Head, { segment, index, before }: Position): Promise<Buffer[] | undefined> {
    const from = index - 1
    const [found, ...values] = await this.#capabilities.slice(this.#listKey(lists[segment - first] as string), from)
    return found?.equals(before) ? values.slice(0, slots - index) : undefined
  }

  /**
   * Goes on in a new list, and lets go of the oldest. Its name is its own, so that one that was lost cannot be begun
   * again by a process that knows it from before.
   */
  async #moveOn({ log, first, lists }: Head, before: Buffer | undefined): Promise<void> {
    const list = newName()
    await this.#capabilities.append(this.#listKey(list), START, lifetime)
    const all = [...lists, list]
    const dropped = all.slice(0, -segmentsKept)
    const head = encodeHead({ log, first: first + dropped.length, lists: all.slice(dropped.length) })
    const isWritten =
      before === undefined
        ? await this.#capabilities.setIfAbsent(this.#headKey, head, lifetime)
        : await this.#capabilities.compareAndSwap(this.#headKey, before, head, lifetime)
    if (isWritten) await this.#drop(dropped)
    // A client that asks twice is refused for what it has done itself.
    else if (!(await this.#isKept(list))) await this.#drop([list])
  }

  async #drop(lists: readonly string[]): Promise<void> {
    for (const list of lists) {
      // A list lives for as long as the latest call has said.
      await this.#capabilities.append(this.#listKey(list), NOTHING, 1).catch(() => {})
    }
  }

  /** Whether a list is still one that others read: the store may have lost the log since it was chosen. */
  async #isKept(list: string): Promise<boolean> {
    const bytes = await this.#capabilities.read(this.#headKey)
    return bytes !== undefined && parseHead(bytes)?.lists.includes(list) === true
  }

  #hasRead(head: Head, length: number): boolean {
    return this.#at?.log === head.log && this.#at.segment === lastOf(head) && this.#at.index >= length
  }

  /** The head; that of a new log where there is none, or only an older state of the one that this process has read. */
  async #head(): Promise<{ head: Head; bytes: Buffer }> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const bytes = await this.#capabilities.read(this.#headKey)
      const head = bytes && parseHead(bytes)
      if (bytes !== undefined && head !== undefined && !this.#isOlder(head)) return { head, bytes }
      await this.#moveOn({ log: newName(), first: 0, lists: [] }, bytes)
    }
    throw this.#unsettled()
  }

  #isOlder(head: Head): boolean {
    return this.#at?.log === head.log && this.#at.segment > lastOf(head)
  }

  get #headKey(): string {
    return `log ${this.#name}`
  }

  #listKey(list: string): string {
    return `log ${this.#name} ${list}`
  }

  #unsettled(): StoreError {
    return new StoreError(`The log ${this.#name} could not be written: others changed it ${attempts} times meanwhile`)
  }
}

function startOf(log: string, segment: number): Position {
  return { log, segment, index: 1, before: START }
}

function lastOf({ first, lists }: Head): number {
  return first + lists.length - 1
}

function newName(): string {
  return randomBytes(9).toString('base64url')
}

function encodeHead(head: Head): Buffer {
  return Buffer.from(JSON.stringify(head))
}

function parseHead(bytes: Buffer): Head | undefined {
  try {
    const { log, first, lists } = JSON.parse(bytes.toString()) as Partial<Head>
    const isHead = typeof log === 'string' && isNumber(first) && areNames(lists)
    return isHead ? { log, first, lists } : undefined
  } catch {
    return undefined
  }
}

function areNames(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > segmentsKept) return false
  return value.every((name) => typeof name === 'string')
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < mostSegments
}

const NOTHING = Buffer.alloc(0)
