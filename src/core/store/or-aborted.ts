/** What `work` gives, unless the signal is aborted first: then rejected with its reason, whatever becomes of `work`. */
export function orAborted<T>(work: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const giveUp = (): void => reject(signal.reason)
  if (signal.aborted) giveUp()
  else signal.addEventListener('abort', giveUp, { once: true })
  const settle =
    <Value>(how: (value: Value) => void) =>
    (value: Value): void => {
      signal.removeEventListener('abort', giveUp)
      how(value)
    }
  work.then(settle(resolve), settle(reject))
  return promise
}
