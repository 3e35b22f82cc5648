/** A private PostgreSQL for tests. */
import { type ChildProcess, execFile, execFileSync } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { end, freeze, launchServer, onFreePort, requireProgram } from './servers.ts'

export interface PostgresServer {
  /** As the superuser `postgres`, without a password. */
  readonly url: string
  readonly port: number
  /** The URL of another user of the same database. */
  urlOf(user: string, password?: string): string
  /** Does one statement on a connection of its own. */
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
  /** Ends it in an orderly way and removes its folder. Harmless if it is already gone. */
  stop(): Promise<void>
  /** Ends all its processes at once, as a crash would. */
  kill(): Promise<void>
  /** Starts it again on the same port and data, after stopping it if it still runs. */
  restart(): Promise<void>
  /** Freezes all its processes: connections stay open, and nothing answers. */
  pause(): Promise<void>
  resume(): Promise<void>
}

/** The role `secured` needs its password; everybody else is let in. */
const access = `
local all all trust
host all secured 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
`

/** `settings` as in postgresql.conf. */
export async function startPostgres(settings: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
  // Debian puts both into one folder that is not on the PATH; a `postgres` without its `initdb` beside it is of no use.
  const initdb = requireProgram('initdb')
  const postgres = join(dirname(initdb), 'postgres')
  const user = unprivilegedUser()
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-postgres-'))
  if (user !== undefined) chownSync(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  const layout = ['--encoding=UTF8', '--locale=C', '--auth=trust', '--username=postgres', '--no-sync']
  await promisify(execFile)(initdb, [`--pgdata=${data}`, ...layout], user ?? {})
  writeFileSync(join(data, 'pg_hba.conf'), access)

  const urlOf = (port: number, name: string, password?: string) =>
    `postgres://${name}${password === undefined ? '' : `:${encodeURIComponent(password)}`}@127.0.0.1:${port}/postgres`
  const launch = (port: number) =>
    launchServer(postgres, serverArguments(data, folder, port, settings), () => answers(urlOf(port, 'postgres')), user)

  const { port, first } = await onFreePort(launch)
  let running = first
  return {
    url: urlOf(port, 'postgres'),
    port,
    urlOf: (name, password) => urlOf(port, name, password),
    query: (text, values) => queryOnce(urlOf(port, 'postgres'), text, values),
    stop: async () => {
      await resume(running)
      await end(running, 'SIGINT')
      rmSync(folder, { recursive: true, force: true })
    },
    kill: async () => {
      const children = await childrenOf(running)
      await end(running, 'SIGKILL')
      // What is left of the old server would keep a new one from starting.
      for (const child of children) send(child, 'SIGKILL')
      while (children.some((child) => send(child, 0))) await sleep(5)
    },
    restart: async () => {
      await end(running, 'SIGINT')
      running = await launch(port)
    },
    pause: async () => {
      await freeze(running.pid!)
      await Promise.all((await childrenOf(running)).map(freeze))
    },
    resume: () => resume(running),
  }
}

/** PostgreSQL refuses to run as root. */
function unprivilegedUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (what: string) => Number(execFileSync('id', [what, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

function serverArguments(
  data: string,
  sockets: string,
  port: number,
  settings: Readonly<Record<string, string>>,
): string[] {
  const all = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: sockets,
    port: String(port),
    fsync: 'off',
    full_page_writes: 'off',
    shared_buffers: '32MB',
    ...settings,
  }
  return ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

async function answers(url: string): Promise<boolean> {
  try {
    await queryOnce(url, 'SELECT 1')
    return true
  } catch {
    return false
  }
}

async function queryOnce<Row extends pg.QueryResultRow>(
  connectionString: string,
  text: string,
  values?: unknown[],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 2000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query<Row>(text, values)).rows
  } finally {
    await client.end()
  }
}

/** Each connection has a process of its own. */
async function childrenOf(server: ChildProcess): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid='])
  const pairs = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number))
  return pairs.flatMap(([pid, parent]) => (pid !== undefined && parent === server.pid ? [pid] : []))
}

async function resume(server: ChildProcess): Promise<void> {
  server.kill('SIGCONT')
  for (const child of await childrenOf(server)) send(child, 'SIGCONT')
}

/** False where there is no such process. */
function send(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}
