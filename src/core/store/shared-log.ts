import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { ListCapabilities } from './capabilities.ts'
import { StoreError } from './errors.ts'

/** A record of a log. */
interface LogRecord {
  readonly sequence: number
  readonly value: Buffer
}

/** What a log had to say since it was last read. */
export interface LogNews {
  readonly records: readonly LogRecord[]
  /** The number of the newest record, or what the next one will be greater than. */
  readonly latest: number
  /** Records up to this number may have been lost or dropped without having been read. */
  readonly floor: number
}

/** Where the log stands: its segments from the oldest kept to the one that is written to. */
interface Head {
  readonly first: number
  readonly segment: number
}

/** A place in the log. */
interface Position {
  readonly segment: number
  readonly index: number
  /** The record before it in its list, as it stands in the store: if it is gone, the store has lost what it kept. */
  readonly before: Buffer | undefined
}

/** Records in one list of the store, and lists kept: 10,240 records. */
const segmentSize = 128
const segmentsKept = 80
/** A log is written to rarely, and must outlive whatever it speaks of, ms. */
const lifetime = 365 * 24 * 60 * 60 * 1000
/** Before each record, so that no two are the same. */
const markBytes = 8
/** How often a change of the head is tried anew because another process came between. */
const attempts = 20
/** Numbers of first segments are tenths of seconds since 1970, so that a log made anew begins above the one it follows. */
const segmentTime = 100

/**
 * A log in a store that all processes add to and each reads on from where it was. Records have rising numbers. It is
 * bounded: of more than 10,240 records the oldest are dropped; who has not read them is told so by `floor`.
 * The calls of one instance should not overlap: records may come twice then.
 */
export class SharedLog {
  readonly #capabilities: ListCapabilities
  readonly #name: string
  readonly #clock: Clock
  /** The next record to read. */
  #at: Position | undefined
  #floor = 0

  constructor(capabilities: ListCapabilities, name: string, clock: Clock) {
    this.#capabilities = capabilities
    this.#name = name
    this.#clock = clock
  }

  /** @throws what the store rejects with, and StoreError where the log changes hands without end. */
  async append(value: Buffer): Promise<void> {
    // Two records are never the same, so that a list that began anew is not taken for the one before.
    const record = Buffer.concat([randomBytes(markBytes), value])
    for (let attempt = 0; attempt < attempts; attempt++) {
      const { head, bytes } = await this.#head()
      const length = await this.#capabilities.append(this.#segmentKey(head.segment), record, lifetime)
      const isUnread = length <= segmentSize && !this.#hasRead(head.segment, length)
      // Full; or the store has lost the list, and the record stands where others have read already.
      if (!isUnread) await this.#moveOn(head, bytes)
      else if (await this.#isKept(head.segment)) return
    }
    throw this.#unsettled()
  }

  /** What is new. @throws as `append`. */
  async read(): Promise<LogNews> {
    const { head, bytes } = await this.#head()
    let at = this.#startIn(head)
    let floor = at === this.#at ? 0 : head.first * segmentSize
    const records: LogRecord[] = []
    for (;;) {
      const { segment, index, before } = at
      const values = await this.#valuesFrom(at)
      if (values === undefined) {
        // What this process has read there is no longer what others read: nobody goes on in this list.
        floor = (segment + 1) * segmentSize
        if (segment === head.segment) await this.#moveOn(head, bytes)
        at = startOf(segment + 1)
        if (segment >= head.segment) break
        continue
      }
      values.forEach((value, i) => {
        records.push({ sequence: segment * segmentSize + index + i + 1, value: value.subarray(markBytes) })
      })
      at = { segment, index: index + values.length, before: values.at(-1) ?? before }
      if (segment >= head.segment) break
      if (at.index < segmentSize) floor = (segment + 1) * segmentSize
      at = startOf(segment + 1)
    }
    // Not before: a reading that fails half-way is made again from where it began.
    this.#at = at
    this.#floor = Math.max(this.#floor, floor)
    return { records, latest: at.segment * segmentSize + at.index, floor: this.#floor }
  }

  /** The records from a place on; undefined where the one before it is not what it was. */
  async #valuesFrom({ segment, index, before }: Position): Promise<readonly Buffer[] | undefined> {
    const from = Math.max(0, index - 1)
    const values = (await this.#capabilities.slice(this.#segmentKey(segment), from)).slice(0, segmentSize - from)
    if (index === 0) return values
    const [found, ...rest] = values
    return before !== undefined && found?.equals(before) ? rest : undefined
  }

  /** Goes on in a new list, and lets go of the oldest. */
  async #moveOn({ first, segment }: Head, bytes: Buffer): Promise<void> {
    const kept = Math.max(first, segment + 2 - segmentsKept)
    await this.#swap(bytes, { first: kept, segment: segment + 1 })
    for (let old = first; old < kept; old++) {
      // A list lives for as long as the latest call has said.
      await this.#capabilities.append(this.#segmentKey(old), NOTHING, 1).catch(() => {})
    }
  }

  #startIn({ first }: Head): Position {
    if (this.#at !== undefined && this.#at.segment >= first) return this.#at
    return startOf(first)
  }

  /** Whether a list is still one that others read: the store may have lost the log since it was chosen. */
  async #isKept(segment: number): Promise<boolean> {
    const bytes = await this.#capabilities.read(this.#headKey)
    const head = bytes && parseHead(bytes)
    return head !== undefined && head.first <= segment && segment <= head.segment
  }

  #hasRead(segment: number, length: number): boolean {
    return this.#at?.segment === segment && this.#at.index >= length
  }

  /** The head; a new one where there is none, or only one of a log that this one cannot follow. */
  async #head(): Promise<{ head: Head; bytes: Buffer }> {
    const least = this.#at === undefined ? 0 : this.#at.segment
    for (let attempt = 0; attempt < attempts; attempt++) {
      const bytes = await this.#capabilities.read(this.#headKey)
      const head = bytes && parseHead(bytes)
      if (bytes !== undefined && head !== undefined && head.segment >= least) return { head, bytes }
      const segment = Math.max(Math.floor(this.#clock.now() / segmentTime), least + 1)
      const anew = { first: segment, segment }
      if (bytes === undefined) await this.#capabilities.setIfAbsent(this.#headKey, encodeHead(anew), lifetime)
      else await this.#swap(bytes, anew)
    }
    throw this.#unsettled()
  }

  async #swap(before: Buffer, head: Head): Promise<void> {
    await this.#capabilities.compareAndSwap(this.#headKey, before, encodeHead(head), lifetime)
  }

  get #headKey(): string {
    return `log ${this.#name}`
  }

  #segmentKey(segment: number): string {
    return `log ${this.#name} ${segment}`
  }

  #unsettled(): StoreError {
    return new StoreError(`The log ${this.#name} could not be written: others changed it ${attempts} times meanwhile`)
  }
}

function startOf(segment: number): Position {
  return { segment, index: 0, before: undefined }
}

function encodeHead(head: Head): Buffer {
  return Buffer.from(JSON.stringify(head))
}

function parseHead(bytes: Buffer): Head | undefined {
  try {
    const { first, segment } = JSON.parse(bytes.toString()) as Partial<Head>
    const isHead = isSegment(first) && isSegment(segment) && first <= segment && segment - first < segmentsKept
    return isHead ? { first, segment } : undefined
  } catch {
    return undefined
  }
}

function isSegment(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

const NOTHING = Buffer.alloc(0)
