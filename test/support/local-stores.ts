/** Stores on this machine's disk, opened by tests and by the processes that tests start. */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { diskStore } from '../../src/adapters/stores/disk.ts'
import { sqliteStore } from '../../src/adapters/stores/sqlite.ts'
import type { RemoteStore, RemoteStoreOptions } from '../../src/core/store/remote.ts'

export type LocalKind = 'sqlite' | 'disk'

/** A store of a kind on a file or in a folder. */
export function openLocal(kind: LocalKind, place: string, options: RemoteStoreOptions = {}): RemoteStore {
  if (kind === 'sqlite') return sqliteStore({ ...options, path: place })
  return diskStore({ ...options, folder: place })
}

/** A body that shows whether it is whole and belongs to the key: SHA-256 of key and rest, and the rest. */
export function wholeBody(key: string, bytes: number): Buffer {
  const rest = randomBytes(bytes - 32)
  return Buffer.concat([sumOf(key, rest), rest])
}

export function isWhole(key: string, body: Buffer): boolean {
  return sumOf(key, body.subarray(32)).equals(body.subarray(0, 32))
}

function sumOf(key: string, rest: Buffer): Buffer {
  return createHash('sha256').update(key).update(rest).digest()
}

const script = fileURLToPath(new URL('../stores/children/local.ts', import.meta.url))

/** Starts another process with a job of children/local.ts. */
export function startChild(kind: LocalKind, place: string, job: string, count: number): ChildProcess {
  return fork(script, [kind, place, job, String(count)], { execArgv: [] })
}

/** The same, where no file may grow beyond so many KiB: how a full disk looks to those who are not its owner. */
export function startChildWithSmallFiles(
  kind: LocalKind,
  place: string,
  job: string,
  count: number,
  limit: number,
): ChildProcess {
  const command = `trap '' XFSZ; ulimit -f ${limit}; exec "$0" "$@"`
  return spawn('bash', ['-c', command, process.execPath, script, kind, place, job, String(count)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
}

/** What the child told, when it has ended well. */
export async function childEnd<T extends object>(child: ChildProcess): Promise<T> {
  const told = {} as T
  child.on('message', (message) => Object.assign(told, message))
  const code = await new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)))
  if (code !== 0) throw new Error(`The child ended with ${code}`)
  return told
}
