/** Lets so many pieces of work run at once; others wait for their turn, the first one first. */
export class Gate {
  readonly #limit: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Runs `start` now or when there is a place. Who was given a place must `leave` it. */
  enter(start: () => void): void {
    if (this.#running < this.#limit) {
      this.#running++
      start()
    } else this.#waiting.push(start)
  }

  leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#running--
    else next()
  }
}
