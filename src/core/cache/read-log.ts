import type { Fields, FieldValue } from '../http/message.ts'
import { Enumeration } from './enumeration.ts'
import { TRACING } from './policy/storable.ts'

/**
 * Fields whose reading never counts: they do not choose between representations, or the cache itself answers for them,
 * or they are in the key.
 */
const NEVER_COUNTED = new Set<string>([
  ':scheme',
  ':method',
  ':path',
  'if-none-match',
  'if-modified-since',
  'if-match',
  'if-unmodified-since',
  'if-range',
  'range',
  'cache-control',
  'pragma',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'upgrade',
  'expect',
  'te',
  'trailer',
  'http2-settings',
  ...TRACING,
])

/** In the key as the authority, where that is what they say: behind a proxy another field may have told it. */
const AUTHORITY = new Set(['host', ':authority'])

/** Where the client comes from: read for logs and limits, reported only, and refused by the strict mode. */
const CLIENT_ADDRESS = new Set([
  'x-forwarded-for',
  'x-real-ip',
  'x-client-ip',
  'cf-connecting-ip',
  'true-client-ip',
  'fastly-client-ip',
])

const CREDENTIALS = new Set(['cookie', 'authorization', 'proxy-authorization'])

/** What was read: a field by name, what belongs to one person, or the absence of that. */
export type ReadKind = 'field' | 'credential' | 'absence'

const NONE: ReadonlySet<string> = new Set()

/**
 * Notes which request fields a handler reads. It is the handler of a Proxy around the fields: reads by name are noted,
 * a whole enumeration within one tick is noted as such.
 */
export class ReadLog {
  /** The client's address was read. */
  clientAddress = false
  /** All fields were enumerated, so later reads of the copy cannot be seen. */
  copied = false
  /** Called for each name that is new to its kind. */
  onRead: ((name: string, kind: ReadKind) => void) | undefined
  readonly #authority: string | undefined
  readonly #ignored: ReadonlySet<string> | undefined
  readonly #names = new Set<string>()
  readonly #credentials = new Set<string>()
  #absences: Set<string> | undefined
  #enumeration: Enumeration | undefined
  #cookieReads = 0
  #fields: Fields | undefined
  #suspended = 0
  #closed = false

  /** `authority` is the one in the key; without it Host is taken for it. */
  constructor(authority?: string, ignored?: ReadonlySet<string>) {
    this.#authority = authority
    this.#ignored = ignored
  }

  /** Names read by name, that neither key nor Vary may cover. */
  get names(): ReadonlySet<string> {
    this.#settle()
    return this.#names
  }

  /** What was read that belongs to one person: a field or a property of the request. */
  get credentials(): ReadonlySet<string> {
    this.#settle()
    return this.#credentials
  }

  /** Properties that belong to one person, read while there was nothing in them. */
  get absences(): ReadonlySet<string> {
    return this.#absences ?? NONE
  }

  /** The fields, watched. */
  watch<T extends Fields>(fields: T): T {
    this.#fields = fields
    return new Proxy<Fields>(fields, this) as T
  }

  /** Reads during `work` do not count. */
  suspend<T>(work: () => T): T {
    this.#suspended++
    try {
      return work()
    } finally {
      this.#suspended--
    }
  }

  /** Reads do not count until `resume()`: they are those of layers outside the cache. */
  pause(): void {
    this.#settle()
    this.#suspended++
  }

  resume(): void {
    this.#suspended--
  }

  /** Nothing counts any more: the response has ended. */
  close(): void {
    this.#settle()
    this.#closed = true
  }

  /** Notes that the fields were read in a form that does not show which: as a copy that has the credentials in it. */
  readRaw(): void {
    if (this.#closed || this.#suspended > 0 || this.#fields === undefined) return
    this.copied = true
    for (const name of CREDENTIALS) this.#note(this.#fields, name)
  }

  /** Notes the reading of a property that another middleware put on the request, such as `user`. */
  readProperty(name: string): void {
    if (this.#closed || this.#suspended > 0 || this.#ignored?.has(name) || this.#credentials.has(name)) return
    this.#credentials.add(name)
    this.onRead?.(name, 'credential')
  }

  /** Notes the reading of such a property where no middleware has put anything there. */
  readAbsence(name: string): void {
    if (this.#closed || this.#suspended > 0 || this.#ignored?.has(name) || this.#absences?.has(name)) return
    this.#absences ??= new Set()
    this.#absences.add(name)
    this.onRead?.(name, 'absence')
  }

  /** Notes that the client's address was asked for, in whatever way. */
  readAddress(): void {
    if (!this.#closed && this.#suspended === 0) this.clientAddress = true
  }

  /** Forgets that a property was read: what is there now is another value. */
  forgive(name: string): void {
    this.#credentials.delete(name)
  }

  /**
   * Forgets that Cookie was read: it has been taken apart, and its parts are watched instead. A second reading was
   * somebody else's, and what became of it is not known.
   */
  forgiveCookie(): void {
    if (this.#cookieReads === 1) this.#credentials.delete('cookie')
  }

  /** Proxy trap. */
  get(fields: Fields, name: string | symbol, receiver: unknown): unknown {
    if (typeof name === 'string' && !this.#enumeration?.reads(name)) this.#note(fields, name)
    return Reflect.get(fields, name, receiver)
  }

  /** Proxy trap. */
  has(fields: Fields, name: string | symbol): boolean {
    if (typeof name === 'string') this.#note(fields, name)
    return Reflect.has(fields, name)
  }

  /** Proxy trap: somebody enumerates all fields, to log or to copy them. */
  ownKeys(fields: Fields): ArrayLike<string | symbol> {
    const keys = Reflect.ownKeys(fields)
    if (!this.#closed && this.#suspended === 0) {
      this.copied = true
      this.#settle()
      const names = keys.filter((key) => typeof key === 'string')
      this.#enumeration = new Enumeration(fields, names)
      process.nextTick(() => this.#settle())
    }
    return keys
  }

  /** Proxy trap. */
  getOwnPropertyDescriptor(fields: Fields, name: string | symbol): PropertyDescriptor | undefined {
    if (typeof name === 'string' && !this.#enumeration?.describes(name)) this.#note(fields, name)
    return Reflect.getOwnPropertyDescriptor(fields, name)
  }

  /** The enumeration is over: what it chose was read by name. */
  #settle(): void {
    const over = this.#enumeration
    this.#enumeration = undefined
    if (over !== undefined) for (const name of over.chosen) this.#note(over.fields, name)
  }

  #isKeyed(authority: FieldValue): boolean {
    return this.#authority === undefined || authority === undefined || authority === this.#authority
  }

  #note(fields: Fields, name: string): void {
    if (this.#closed || this.#suspended > 0 || NEVER_COUNTED.has(name) || this.#names.has(name)) return
    if (this.#ignored?.has(name)) return
    if (AUTHORITY.has(name) && this.#isKeyed(fields[name])) return
    // No field's name has a capital: JSON.stringify asks for toJSON.
    if (/[A-Z]/.test(name)) return
    if (name in Object.prototype && !Object.hasOwn(fields, name)) return
    if (CLIENT_ADDRESS.has(name)) {
      this.clientAddress = true
      return
    }
    if (CREDENTIALS.has(name) && fields[name] !== undefined) {
      if (name === 'cookie') this.#cookieReads++
      this.readProperty(name)
      return
    }
    this.#names.add(name)
    this.onRead?.(name, 'field')
  }
}
