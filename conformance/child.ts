import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** A process of this folder that has told us its first message. */
export interface Child<Message> {
  readonly message: Message
  stop(): Promise<void>
}

/**
 * Runs a file of this folder as a process of its own and waits for its first message. `input` is handed to it as JSON,
 * its only argument. It ends with this process.
 *
 * @throws Error if it ends without a message, or sends none within `timeout` ms.
 */
export function startChild<Message>(file: string, input: object, timeout: number): Promise<Child<Message>> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(input)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const gone = new Promise<string>((resolve) => child.once('exit', (code, signal) => resolve(String(signal ?? code))))
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await gone
  }
  let errors = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-2000)
  })
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer)
      void stop().then(() => reject(new Error(`conformance/${file} ${why}. ${errors}`)))
    }
    const timer = setTimeout(() => fail(`said nothing within ${timeout / 1000} s`), timeout)
    void gone.then((how) => fail(`ended (${how})`))
    child.once('message', (message) => {
      clearTimeout(timer)
      resolve({ message: message as Message, stop })
    })
  })
}

/** For a child: what it was started with. */
export function childInput<Input>(): Input {
  process.once('disconnect', () => process.exit())
  return JSON.parse(process.argv[2] ?? '{}')
}

/** For a child: tells its parent something. */
export function tellParent(message: object, then?: () => void): void {
  process.send?.(message, undefined, undefined, then)
}
