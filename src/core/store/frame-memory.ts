/** Smaller frames come from Node's own pool, and larger ones are rare. */
const smallest = 2 ** 12
const largest = 2 ** 21
/** Bytes kept for frames to come. */
const most = 2 ** 23

/**
 * Memory for frames that is used again. Taking new memory for a frame costs more than writing the frame: the system
 * hands out fresh pages, and the garbage collector is told of them.
 */
export class FrameMemory {
  /** By the power of two that is their size. */
  readonly #free = new Map<number, Buffer[]>()
  #kept = 0

  readonly take = (bytes: number): Buffer => {
    if (bytes < smallest || bytes > largest) return Buffer.allocUnsafe(bytes)
    const power = 32 - Math.clz32(bytes - 1)
    const free = this.#free.get(power)?.pop()
    if (free !== undefined) this.#kept -= free.length
    return (free ?? Buffer.allocUnsafeSlow(2 ** power)).subarray(0, bytes)
  }

  /** Takes back what `take` handed out and nobody uses any more. */
  giveBack(frame: Buffer): void {
    const { buffer, length } = frame
    if (length < smallest || length > largest || this.#kept + buffer.byteLength > most) return
    const power = 32 - Math.clz32(length - 1)
    const free = this.#free.get(power)
    const whole = Buffer.from(buffer as ArrayBuffer)
    if (free === undefined) this.#free.set(power, [whole])
    else free.push(whole)
    this.#kept += whole.length
  }
}
