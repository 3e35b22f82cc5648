import { StoreError } from '../../core/store/errors.ts'

/** What memcached answers to one command: its last line, and the value that stood before it. */
export interface Answer {
  readonly line: string
  readonly value: Buffer | undefined
  /** The mark of the write that `value` came from, where it was asked for. */
  readonly cas: string | undefined
}

const LF = 0x0a
const CR = 0x0d
/** Characters; no line of the protocol is longer. */
const longestLine = 2048

/** A value that is still arriving. */
interface Arriving {
  /** Room for the value and the line's end after it. */
  readonly bytes: Buffer
  readonly cas: string | undefined
  filled: number
}

/** Takes the answers out of the bytes that a server sends. */
export class AnswerReader {
  readonly #onAnswer: (answer: Answer) => void
  #line = ''
  #arriving: Arriving | undefined
  #value: Buffer | undefined
  #cas: string | undefined

  constructor(onAnswer: (answer: Answer) => void) {
    this.#onAnswer = onAnswer
  }

  /** @throws StoreError where this is not what memcached says. */
  read(chunk: Buffer): void {
    let position = 0
    while (position < chunk.length) {
      position = this.#arriving === undefined ? this.#readLine(chunk, position) : this.#readValue(chunk, position)
    }
  }

  #readLine(chunk: Buffer, start: number): number {
    const end = chunk.indexOf(LF, start)
    this.#line += chunk.toString('latin1', start, end === -1 ? chunk.length : end)
    if (this.#line.length > longestLine) throw notMemcached()
    if (end === -1) return chunk.length
    const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line
    this.#line = ''
    if (line.startsWith('VALUE ')) this.#startValue(line)
    else this.#finish(line)
    return end + 1
  }

  /** `VALUE <key> <flags> <bytes> [<cas>]` */
  #startValue(line: string): void {
    const [, , , bytes, cas] = line.split(' ')
    const length = Number(bytes)
    if (!Number.isSafeInteger(length) || length < 0) throw notMemcached()
    this.#arriving = { bytes: Buffer.allocUnsafeSlow(length + 2), cas, filled: 0 }
  }

  #readValue(chunk: Buffer, start: number): number {
    const arriving = this.#arriving as Arriving
    const { bytes, cas } = arriving
    const copied = chunk.copy(bytes, arriving.filled, start)
    arriving.filled += copied
    if (arriving.filled === bytes.length) {
      if (bytes.at(-2) !== CR || bytes.at(-1) !== LF) throw notMemcached()
      this.#arriving = undefined
      this.#value = bytes.subarray(0, -2)
      this.#cas = cas
    }
    return start + copied
  }

  #finish(line: string): void {
    const answer = { line, value: this.#value, cas: this.#cas }
    this.#value = undefined
    this.#cas = undefined
    this.#onAnswer(answer)
  }
}

function notMemcached(): StoreError {
  return new StoreError('it does not speak the protocol of memcached')
}
