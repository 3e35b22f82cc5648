import { connect, type Socket } from 'node:net'
import { StoreError, storeError } from '../../core/store/errors.ts'
import { Link } from './link.ts'
import { type Answer, AnswerReader } from './memcached-answers.ts'

/** Where a server listens. */
export interface MemcachedAddress {
  readonly host: string
  readonly port: number
}

/** A command whose answer has not come. */
interface Waiting {
  resolve(answer: Answer): void
  reject(error: Error): void
}

/** ms without a word from a server that owes answers, after which its connection is given up. */
const longestSilence = 5_000
/** ms after which the system asks whether an idle connection still stands. */
const keepAliveDelay = 10_000

/** How `set`, `add` and `cas` write. */
export interface MemcachedWrite {
  readonly command: 'set' | 'add' | 'cas'
  readonly key: string
  /** Bytes before `value`, and part of what is stored. */
  readonly header: Buffer
  readonly value: Buffer
  /** Seconds as memcached counts them: up to 30 days from now, above that since the epoch; 0 for never, -1 for past. */
  readonly exptime: number
  /** For `cas`: the mark of the write that may be replaced. */
  readonly cas?: string | undefined
}

/** One memcached, by its text protocol over one connection, which is made when first needed and again when lost. */
export class MemcachedClient {
  readonly name: string
  readonly #address: MemcachedAddress
  readonly #connectTimeout: number
  readonly #link: Link
  #connection: Connection | undefined

  /** `connectTimeout` in ms. */
  constructor(address: MemcachedAddress, connectTimeout: number) {
    this.name = `memcached at ${address.host}:${address.port}`
    this.#address = address
    this.#connectTimeout = connectTimeout
    this.#link = new Link(this.name, () => this.#connect())
  }

  /** Resolves once it is connected. Only the first attempt is waited for. @throws StoreError where it is not. */
  open(): Promise<void> {
    return this.#link.ready()
  }

  /** Whether it can be asked, as far as is known. */
  get isUp(): boolean {
    return this.#link.isUp
  }

  close(): void {
    this.#link.close()
    this.#connection?.end(new StoreError(`The connection to ${this.name} was closed`))
  }

  /** The value under a key and, with `gets`, its mark. @throws StoreError where the server cannot be asked. */
  get(command: 'get' | 'gets', key: string): Promise<Answer> {
    return this.#ask([`${command} ${key}\r\n`])
  }

  /** Resolves with whether it was written. @throws StoreError where the server refused or cannot be asked. */
  async write({ command, key, header, value, exptime, cas }: MemcachedWrite): Promise<boolean> {
    const length = header.length + value.length
    const mark = cas === undefined ? '' : ` ${cas}`
    const { line } = await this.#ask([`${command} ${key} 0 ${exptime} ${length}${mark}\r\n`, header, value, '\r\n'])
    return line === 'STORED'
  }

  async delete(key: string): Promise<void> {
    await this.#ask([`delete ${key}\r\n`])
  }

  async #ask(parts: readonly (string | Buffer)[]): Promise<Answer> {
    if (!this.#link.isUp) await this.#link.ready()
    const connection = this.#connection
    if (connection === undefined) throw new StoreError(`The connection to ${this.name} was lost`)
    const answer = await connection.ask(parts)
    // After ERROR and CLIENT_ERROR it is not sure where the server reads on.
    if (/^(CLIENT_)?ERROR/.test(answer.line)) connection.end(storeError(`${this.name} did not understand`))
    if (/^(\w+_)?ERROR/.test(answer.line)) throw storeError(`${this.name} refused: ${answer.line}`)
    return answer
  }

  /** A server that is frozen is connected to, too; so it has to answer once. */
  async #connect(): Promise<void> {
    const connection = new Connection(this.#address, (reason) => {
      if (this.#connection === connection) this.#connection = undefined
      this.#link.lost(storeError(`The connection to ${this.name} was lost`, reason))
    })
    const late = setTimeout(() => {
      connection.end(new StoreError(`it did not answer within ${this.#connectTimeout} ms`))
    }, this.#connectTimeout)
    try {
      const { line } = await connection.ask(['version\r\n'])
      if (!line.startsWith('VERSION')) throw new StoreError(`it answered ${JSON.stringify(line.slice(0, 80))}`)
      this.#connection = connection
    } catch (error) {
      connection.end(error as Error)
      throw storeError(`${this.name} cannot be reached; see that it runs and that the address is right`, error)
    } finally {
      clearTimeout(late)
    }
  }
}

/** A connection that answers commands in order, until it ends for ever. */
class Connection {
  readonly #socket: Socket
  readonly #waiting: Waiting[] = []
  readonly #onEnd: (reason: Error) => void
  #silence: NodeJS.Timeout | undefined
  #heardAt = 0
  #isCorked = false
  #hasEnded = false

  constructor(address: MemcachedAddress, onEnd: (reason: Error) => void) {
    this.#onEnd = onEnd
    this.#socket = connect({ ...address, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveDelay })
    const reader = new AnswerReader((answer) => this.#take(answer))
    this.#socket.on('data', (chunk: Buffer) => {
      this.#heardAt = performance.now()
      try {
        reader.read(chunk)
      } catch (error) {
        this.end(error as Error)
      }
    })
    this.#socket.on('error', (error) => this.end(error))
    this.#socket.on('close', () => this.end(new StoreError('the server ended it')))
  }

  ask(parts: readonly (string | Buffer)[]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) return reject(new StoreError('The connection has ended'))
      if (this.#waiting.length === 0) this.#expect()
      this.#waiting.push({ resolve, reject })
      this.#cork()
      for (const part of parts) if (part.length > 0) this.#socket.write(part as string)
    })
  }

  end(reason: Error): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    clearTimeout(this.#silence)
    this.#socket.destroy()
    for (const { reject } of this.#waiting.splice(0)) reject(reason)
    this.#onEnd(reason)
  }

  /** What is written in one turn goes out in one piece. */
  #cork(): void {
    if (this.#isCorked) return
    this.#isCorked = true
    this.#socket.cork()
    process.nextTick(() => {
      this.#isCorked = false
      this.#socket.uncork()
    })
  }

  #take(answer: Answer): void {
    const first = this.#waiting.shift()
    if (first === undefined) throw new StoreError(`the server said ${JSON.stringify(answer.line.slice(0, 80))} unasked`)
    if (this.#waiting.length === 0) this.#rest()
    first.resolve(answer)
  }

  /** Answers are owed: the process stays for them, and silence has an end. */
  #expect(): void {
    this.#heardAt = performance.now()
    this.#socket.ref()
    this.#silence ??= setTimeout(() => this.#listen(), longestSilence).unref()
  }

  /** Nothing is owed: the connection holds up nobody's exit. */
  #rest(): void {
    this.#socket.unref()
  }

  #listen(): void {
    this.#silence = undefined
    if (this.#waiting.length === 0) return
    const rest = this.#heardAt + longestSilence - performance.now()
    if (rest <= 0) return this.end(new StoreError(`the server did not answer for ${longestSilence} ms`))
    this.#silence = setTimeout(() => this.#listen(), rest).unref()
  }
}
