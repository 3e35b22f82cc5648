import type { Submittable } from 'pg'
import type { PostgresClient } from './postgres-client.ts'

/**
 * The bytes of the one column that `query` selects, row by row. With COPY, for pg reads a bytea of any other statement
 * as text in hexadecimal, which costs several times the CPU for large values.
 */
export async function copyBytes(client: PostgresClient, query: string): Promise<Buffer[]> {
  const chunks = await new Promise<readonly Buffer[]>((resolve, reject) => {
    const copy = new CopyOut(`COPY (${query}) TO STDOUT (FORMAT binary)`, (error, found) => {
      if (error) reject(error)
      else resolve(found)
    })
    const { query: submit } = client as unknown as { query(submittable: Submittable): void }
    submit.call(client, copy)
  })
  return rowsOf(chunks)
}

/** What pg calls while a COPY runs; it has methods for other messages as well, which do not come. */
class CopyOut implements Submittable {
  readonly #text: string
  readonly #chunks: Buffer[] = []
  #error: Error | undefined
  /** pg wraps it where there is a `query_timeout`. */
  callback: (error: Error | null, chunks: readonly Buffer[]) => void

  constructor(text: string, callback: (error: Error | null, chunks: readonly Buffer[]) => void) {
    this.#text = text
    this.callback = callback
  }

  submit(connection: unknown): void {
    ;(connection as { query(text: string): void }).query(this.#text)
  }

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    // A copy, for pg goes on using the memory; of its own, so that nobody has to copy it out of a pool again.
    const own = Buffer.allocUnsafeSlow(chunk.length)
    own.set(chunk)
    this.#chunks.push(own)
  }

  handleCommandComplete(): void {}

  handleError(error: Error): void {
    this.#error = error
    this.callback(error, [])
  }

  handleReadyForQuery(): void {
    if (this.#error === undefined) this.callback(null, this.#chunks)
  }
}

const signature = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
/** Signature, flags, length of an extension. */
const header = signature.length + 8
const trailer = 2

/** PostgreSQL's binary COPY format: after the header, for each row the number of fields, and each field's length and bytes. */
function rowsOf(chunks: readonly Buffer[]): Buffer[] {
  const bytes = joined(chunks)
  if (bytes.compare(signature, 0, signature.length, 0, signature.length) !== 0) throw new Error('This is no COPY')
  const rows: Buffer[] = []
  let position = header + bytes.readUInt32BE(header - 4)
  while (position < bytes.length && bytes.readInt16BE(position) === 1) {
    const start = position + 6
    const end = start + bytes.readInt32BE(position + 2)
    rows.push(bytes.subarray(start, end))
    position = end
  }
  return rows
}

/** One row comes in one chunk and the trailer in another: then there is nothing to join. */
function joined(chunks: readonly Buffer[]): Buffer {
  const [first, second] = chunks
  if (first && chunks.length === 2 && second?.length === trailer) return first
  return first && chunks.length === 1 ? first : Buffer.concat(chunks)
}
