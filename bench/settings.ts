/** What a child process is told first. */
export function settings<T>(): Promise<T> {
  return new Promise((resolve) => process.once('message', (message) => resolve(message as T)))
}
