/** What the behaviour suite knows of a server with compression: a handler behind it, and a way to ask. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { CacheOptions, Compressor, CompressorOptions } from 'breakwater'
import type { RequestHandler } from 'express'
import type { Middleware } from 'koa'
import { afterEach } from 'vitest'
import { type Asking, ask, type Got } from './wire.ts'

/** What a handler answers in its framework's own way; exactly one of `body` and `stream`, or neither. */
export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Buffer
  readonly stream?: () => Readable
  /** `res.compress` or `ctx.compress`. */
  readonly compress?: boolean
}

export type Handler = (request: IncomingMessage) => Answer | Promise<Answer>
/** A handler that writes on Node's response itself, in whatever framework. */
export type RawHandler = (request: IncomingMessage, response: ServerResponse) => unknown

/** A middleware of each framework. */
export interface Layer {
  readonly express: RequestHandler
  readonly koa: Middleware
}

export interface Setting {
  /** False: the same server without compression. */
  readonly compression?: CompressorOptions | Compressor | false
  readonly filter?: (request: IncomingMessage, response: ServerResponse) => boolean
  readonly handler?: Handler
  readonly raw?: RawHandler
  // biome-ignore lint/suspicious/noExplicitAny: each framework has a request type of its own
  readonly cache?: CacheOptions<any>
  /** Which of compression and cache is outside. Default: compression. */
  readonly outside?: 'compression' | 'cache'
  /** Between the two, or within compression where there is no cache. */
  readonly between?: Layer
}

export interface Running {
  readonly port: number
  close(): Promise<void>
}

/** A server under test. */
export interface Subject {
  readonly name: string
  /** Whether it has layers and native ways to answer. */
  readonly framework: 'express' | 'koa' | undefined
  start(setting: Setting): Promise<Running>
}

export interface Started extends Running {
  ask(acceptEncoding?: string, asking?: Asking): Promise<Got>
}

const running: Running[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map(({ close }) => close()))
})

/** Starts a server; it is closed after the test. */
export async function start(subject: Subject, setting: Setting): Promise<Started> {
  const started = await subject.start(setting)
  running.push(started)
  return { ...started, ask: (acceptEncoding, asking) => ask(started.port, acceptEncoding, asking) }
}

/** Text of so many bytes that compresses well. */
export function textOf(bytes: number): string {
  return 'The quick brown fox jumps over the lazy dog. '.repeat(bytes / 45 + 1).slice(0, bytes)
}

export const text: string = textOf(4096)

/** An answer that is worth encoding. */
export function page(headers: Answer['headers'] = {}, rest: Answer = {}): Handler {
  return () => ({ body: text, ...rest, headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers } })
}
