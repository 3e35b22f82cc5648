import type { IncomingMessage, ServerResponse } from 'node:http'

/** Writes down what the handler sees of the response: it must be the same with and without the cache. */
type Note = (...seen: unknown[]) => void

export interface Shape {
  readonly name: string
  readonly handle: (response: ServerResponse, note: Note, request: IncomingMessage) => unknown
  /** What only HTTP/1 knows: reasons, sockets, arrays of arrays beside set fields. */
  readonly http1?: true
  /** The connection breaks off, so nothing can follow on it. */
  readonly breaks?: true
}

/** Notes whether something throws, and what. */
export function attempt(note: Note, what: () => unknown): void {
  try {
    what()
    note('returned')
  } catch (error) {
    note('threw', (error as { code?: string }).code ?? (error as Error).name)
  }
}

export const later = (ms = 1): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export function shape(name: string, handle: Shape['handle'], marks: Partial<Shape> = {}): Shape {
  return { name, handle, ...marks }
}

export const http1 = { http1: true } as const
export const breaks = { breaks: true } as const
