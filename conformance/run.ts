import type { Checkout } from './checkout.ts'
import { type Child, startChild } from './child.ts'
import type { MountInput } from './mount.ts'
import { type Results, type Score, score } from './scoring.ts'
import type { Subject } from './subjects.ts'
import type { WorkerInput } from './worker.ts'

const START_TIMEOUT = 30_000
/** A run takes about a minute: the suite pauses for seconds between requests. */
const RUN_TIMEOUT = 300_000

/** Runs the suite against one subject, `repeat` times, each with an origin and a cache of its own. */
export async function runSubject(checkout: Checkout, subject: Subject, repeat: number): Promise<Score> {
  const runs: Results[] = []
  for (let i = 0; i < repeat; i++) runs.push(await runOnce(checkout, subject))
  return score(checkout.groups, subject.profile, runs)
}

async function runOnce(checkout: Checkout, subject: Subject): Promise<Results> {
  const { folder } = checkout
  const children: Child<unknown>[] = []
  const start = async <Message>(file: string, input: object, timeout: number): Promise<Message> => {
    const child = await startChild<Message>(file, input, timeout)
    children.push(child)
    return child.message
  }
  try {
    let { port } = await start<Listening>('origin.ts', { folder }, START_TIMEOUT)
    if (subject.mount !== undefined) {
      const input: MountInput = { mount: subject.mount, policy: subject.policy, originPort: port }
      port = (await start<Listening>('mount.ts', input, START_TIMEOUT)).port
    }
    const input: WorkerInput = { folder, base: `http://127.0.0.1:${port}`, profile: subject.profile }
    return await start<Results>('worker.ts', input, RUN_TIMEOUT)
  } finally {
    await Promise.all(children.map((child) => child.stop()))
  }
}

/** What a server says first. */
interface Listening {
  readonly port: number
}
