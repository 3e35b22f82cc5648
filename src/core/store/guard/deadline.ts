/** What became of a call. `late`: it did not settle in time, and whatever it says later is ignored. */
export type Outcome<T> =
  | { readonly type: 'value'; readonly value: T }
  | { readonly type: 'error'; readonly error: unknown }
  | { readonly type: 'late' }

/**
 * Runs `call` and tells its outcome after at most `deadline` ms. Never rejects, whatever `call` does.
 * `background`: nobody waits for it, so it does not keep the process running.
 */
export function withDeadline<T>(
  call: () => T | Promise<T>,
  deadline: number,
  background: boolean,
): Promise<Outcome<T>> {
  return new Promise((resolve) => {
    // Where this process itself was held up, the answer may be here already: what has arrived is read first.
    const timer = setTimeout(() => setImmediate(() => resolve({ type: 'late' })), deadline)
    if (background) timer.unref()
    const settle = (outcome: Outcome<T>): void => {
      clearTimeout(timer)
      resolve(outcome)
    }
    started(call).then(
      (value) => settle({ type: 'value', value }),
      (error: unknown) => settle({ type: 'error', error }),
    )
  })
}

/** A promise that the call returned is taken as it is: another around it would cost two turns of the queue. */
function started<T>(call: () => T | Promise<T>): Promise<T> {
  try {
    return Promise.resolve(call())
  } catch (error) {
    return Promise.reject(error)
  }
}

/** The value of `promise`, which never rejects, or undefined after `patience` ms or when `signal` aborts. */
export function waitAtMost<T>(promise: Promise<T>, patience: number, signal?: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve) => {
    const leave = (value?: T): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      resolve(value)
    }
    const onAbort = (): void => leave()
    const timer = setTimeout(leave, patience)
    signal?.addEventListener('abort', onAbort)
    void promise.then(leave)
  })
}
