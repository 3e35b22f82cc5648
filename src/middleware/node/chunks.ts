/** The arguments of a response's `write` and `end`. */
import type { ServerResponse } from 'node:http'

export type Callback = (error?: Error | null) => void

export function isContent(chunk: unknown): chunk is string | Uint8Array {
  return typeof chunk === 'string' || chunk instanceof Uint8Array
}

/** `end()`, `end(callback)`, `end(null)`; `end(false)` is the same to Node. */
export function isNothing(chunk: unknown): boolean {
  return !chunk || typeof chunk === 'function'
}

/** Bytes. */
export function lengthOf(chunk: unknown, encoding: unknown): number {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk, encodingOf(encoding))
  return chunk instanceof Uint8Array ? chunk.byteLength : 0
}

/** The same memory where it is bytes already. */
export function bytesOf(chunk: string | Uint8Array, encoding: unknown): Buffer {
  if (typeof chunk === 'string') return Buffer.from(chunk, encodingOf(encoding))
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
}

function encodingOf(encoding: unknown): BufferEncoding {
  return typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8'
}

export function callbackOf(args: readonly unknown[]): Callback | undefined {
  for (const argument of args) if (typeof argument === 'function') return argument as Callback
  return undefined
}

export function afterFinish(response: ServerResponse, callback: Callback): void {
  if (response.writableFinished) process.nextTick(callback)
  else response.once('finish', callback)
}
