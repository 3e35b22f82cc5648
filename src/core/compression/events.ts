import type { Coding } from './coding.ts'

/** What every event about one encoded answer tells. */
interface EncodedAnswer {
  readonly coding: Coding
  /** Bytes of the content as it is. */
  readonly bytes: number
  /** Bytes that were sent in its place. */
  readonly encodedBytes: number
}

/** Events of compression, by channel name. */
export interface CompressionEvents {
  /** Content was compressed. */
  'breakwater:compression:encoded': EncodedAnswer & {
    /** At once, in a thread while nothing else waited, or as it came. */
    readonly how: 'sync' | 'async' | 'stream'
    /** ms from the first byte to the last; of a stream, its writer's time too. */
    readonly duration: number
  }
  /** An encoding was used that had been made before. */
  'breakwater:compression:variant': EncodedAnswer
  /** An encoding was made that saves too little: the content is sent as it is, now and the next times. */
  'breakwater:compression:futile': EncodedAnswer
}
