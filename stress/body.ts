/** What the handlers answer with, and how an answer is found to be wrong. */
import { createCipheriv, hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** Bytes of a body; 524,288 is what a store keeps in one piece. */
const sizes = [
  ...[0, 1_000, 40, 4_000, 2_000, 8_000, 1_000, 300, 4_000, 16_000],
  ...[2_000, 32_000, 8_000, 524_289, 16_000, 1_048_576, 64_000, 300_000, 100_000, 524_288],
]
const areas = 10
const groups = 17

/** All paths, the most wanted first. */
export const paths: readonly string[] = Array.from({ length: 400 }, (_, n) => `/${n % areas}/${n}`)

export const areaOf = (path: string): string => path.slice(0, path.indexOf('/', 1) + 1)
export const groupOf = (path: string): string => `group ${numberOf(path) % groups}`
const numberOf = (path: string): number => Number(path.slice(path.lastIndexOf('/') + 1))
const sizeOf = (path: string): number => sizes[numberOf(path) % sizes.length] as number

/** Seconds for Cache-Control: some answers end within a run. */
export const maxAgeOf = (path: string): number => 2 + (numberOf(path) % 60)

/** A body that begins with its path and version, as far as there is room, and the fields that tell of it. */
export function answerOf(path: string, version: number): { fields: Record<string, string>; body: Buffer } {
  const key = Buffer.from(hash('md5', `${path} ${version}`, 'hex'), 'hex')
  const body = createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeOf(path)))
  body.write(titleOf(path, version))
  return { body, fields: { 'x-path': path, 'x-version': String(version), 'x-sum': sumOf(body) } }
}

/** What is wrong with an answer; undefined if nothing is. */
export function faultOf(path: string, fields: IncomingHttpHeaders, body: Buffer): string | undefined {
  const title = Buffer.from(titleOf(path, Number(fields['x-version']))).subarray(0, body.length)
  if (fields['x-path'] !== path) return `${path} was answered with the fields of ${fields['x-path']}`
  if (body.length !== sizeOf(path)) return `${path} was answered with ${body.length} bytes, not ${sizeOf(path)}`
  if (!body.subarray(0, title.length).equals(title)) return `${path} was answered with another body`
  return sumOf(body) === fields['x-sum'] ? undefined : `${path} was answered with bytes that are not what was sent`
}

const titleOf = (path: string, version: number): string => `${path} ${version}\n`
const sumOf = (body: Buffer): string => hash('sha256', body, 'hex')
