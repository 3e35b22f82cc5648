/** Lets so many pieces of work run at once; others wait for their turn, the first one first. */
export class Gate {
  readonly #limit: number
  readonly #waiting: (() => void)[] = []
  #running = 0
  #isHandingOn = false

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Runs `start`, which must not throw, now or when there is a place. Who was given a place must `leave` it. */
  enter(start: () => void): void {
    if (this.#running < this.#limit) {
      this.#running++
      start()
    } else this.#waiting.push(start)
  }

  leave(): void {
    this.#running--
    // Who leaves as soon as he has entered, because nobody needs his work any more, must not call the next one from
    // within: of thousands who give up together each would be on the stack.
    if (this.#isHandingOn) return
    this.#isHandingOn = true
    while (this.#running < this.#limit && this.#waiting.length > 0) {
      this.#running++
      this.#waiting.shift()?.()
    }
    this.#isHandingOn = false
  }
}
