/**
 * A value that says itself when it ends, for servers that count lifetimes in whole seconds: epoch ms as a double
 * (Infinity for never), big-endian, before the bytes.
 */
const headerLength = 8

/** What stands before a value that ends at `expires`, epoch ms. */
export function datedHeader(expires: number): Buffer {
  const header = Buffer.allocUnsafe(headerLength)
  header.writeDoubleBE(expires)
  return header
}

/** The value after its header; undefined where it has ended, or is no dated value. `now` in epoch ms. */
export function undated(bytes: Buffer, now: number): Buffer | undefined {
  if (bytes.length < headerLength || !(bytes.readDoubleBE() > now)) return undefined
  return bytes.subarray(headerLength)
}
