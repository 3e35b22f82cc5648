import type { ClientConfig, Pool, PoolConfig } from 'pg'
import { loadPeer } from '../../core/store/errors.ts'

/** What we use of a client of `pg`. */
export interface PostgresClient {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[]; readonly rowCount: number | null }>
  escapeLiteral(text: string): string
  on(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
}

export interface PostgresPooledClient extends PostgresClient {
  /** Back to the pool; with a reason, its connection is ended instead. */
  release(reason?: Error | boolean): void
}

/** What we use of a `Pool` of `pg`. */
export interface PostgresPool {
  readonly options: { readonly max?: number | undefined }
  readonly totalCount: number
  connect(): Promise<PostgresPooledClient>
  on(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
}

/** A connection of its own, for what cannot share one. */
export interface PostgresLoneClient extends PostgresClient {
  connect(): Promise<unknown>
  end(): Promise<void>
  unref(): void
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
  on(event: 'notification', listener: (message: { channel: string; payload?: string | undefined }) => void): unknown
}

/** The part of `pg` that makes connections. */
export interface PostgresDriver {
  readonly Pool: new (settings: PoolConfig) => Pool
  readonly Client: new (settings: ClientConfig) => PostgresLoneClient
}

export async function loadDriver(): Promise<PostgresDriver> {
  const { default: driver } = await loadPeer('pg', () => import('pg'), 'postgresStore')
  return driver as unknown as PostgresDriver
}

/** The five characters that PostgreSQL names an error with, such as `42P01`; undefined where it is not the server's. */
export function sqlState(error: unknown): string | undefined {
  // Errors of Node have codes too, such as EPIPE, but no severity.
  const { code, severity } = Object(error) as { code?: unknown; severity?: unknown }
  return typeof code === 'string' && typeof severity === 'string' ? code : undefined
}

/** `work`, or a rejection after so many ms. What comes of it later is handed to `late`. */
export function within<T>(ms: number, work: Promise<T>, what: string, late?: (value: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      reject(new Error(`${what} within ${ms} ms`))
    }, ms)
    work.then(
      (value) => {
        clearTimeout(timer)
        if (isLate) late?.(value)
        else resolve(value)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(error)
      },
    )
  })
}
