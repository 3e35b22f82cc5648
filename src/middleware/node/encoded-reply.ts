import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Reply } from '../../core/cache/reply.ts'
import type { Coding } from '../../core/compression/coding.ts'
import { type AnswerHead, choose, isEncodable } from '../../core/compression/verdict.ts'
import { type FieldLines, lowerName } from '../../core/http/message.ts'
import { type EncodingRules, OF_IDENTITY, type Switch, unitedVary, weak } from './encoding-head.ts'

/** How an answer from the cache is sent in a coding. */
interface Plan {
  readonly rules: EncodingRules
  readonly coding: Coding
  /** The encoding's name. */
  readonly key: string
  /** The field lines of the encoded answer. */
  readonly lines: FieldLines
  /** Bytes, as these lines say. */
  readonly length: number
}

/** By the lines of the answer as it is: a plain hit has the same ones for a whole second. One for each coding in use. */
const plans = new WeakMap<FieldLines, Plan[]>()

/** What decides, or becomes another: where it is set on the response already, that counts, and each has to be looked at. */
const CONCERNED = new Set([
  ...OF_IDENTITY.map((name) => name.toLowerCase()),
  ...['content-type', 'content-encoding', 'content-length', 'content-range', 'cache-control', 'etag'],
  ...['transfer-encoding', 'trailer'],
])

/**
 * A whole answer from the cache in the coding that its request takes, without another look at each of its fields;
 * undefined where there is no encoding of it yet, or it takes that look.
 */
export function encodedReply(
  request: IncomingMessage,
  response: ServerResponse,
  owner: Switch,
  rules: EncodingRules,
  acceptEncoding: string | undefined,
  reply: Reply,
): Reply | undefined {
  const { status, lines, body, bodyIdentity } = reply
  if (bodyIdentity === undefined || body === undefined || rules.hasFilter || owner.compress !== undefined)
    return undefined
  const { compressor } = rules
  const choice = choose(compressor.negotiate(acceptEncoding), status)
  if (choice.kind !== 'encode' || (body.length < compressor.settings.threshold && !choice.isForced)) return undefined
  if (response.getHeaderNames().some((name) => CONCERNED.has(name))) return undefined
  const { coding } = choice
  const known = plans.get(lines)?.find((plan) => plan.coding === coding && plan.rules === rules)
  const isAllowed = () => rules.allows(request, response, owner, fieldIn(lines, 'content-type'))
  const plan = known ?? (isEncodable(headOf(reply)) && isAllowed() ? makePlan(rules, coding, reply) : undefined)
  const encoded = plan && compressor.encodingOf(plan.key)
  if (plan === undefined || encoded?.length !== plan.length) return undefined
  compressor.tellReuse(coding, body.length, encoded.length)
  return { ...reply, lines: plan.lines, body: encoded, bodyIdentity: undefined }
}

function headOf({ status, lines }: Reply): AnswerHead {
  return {
    status,
    contentEncoding: fieldIn(lines, 'content-encoding'),
    contentRange: fieldIn(lines, 'content-range'),
    cacheControl: fieldIn(lines, 'cache-control'),
  }
}

/** Undefined where there is no encoding of it. */
function makePlan(rules: EncodingRules, coding: Coding, { lines, body, bodyIdentity }: Reply): Plan | undefined {
  const { compressor } = rules
  const key = compressor.keyOf(body as Buffer, bodyIdentity as string, coding)
  const length = key === undefined ? undefined : compressor.encodingOf(key)?.length
  if (key === undefined || length === undefined) return undefined
  const plan = { rules, coding, key, lines: encodedLines(lines, coding, length), length }
  const known = plans.get(lines)
  if (known === undefined) plans.set(lines, [plan])
  else known.push(plan)
  return plan
}

/** All lines of a field; `name` is lower-case. */
function fieldIn(lines: FieldLines, name: string): string | undefined {
  let value: string | undefined
  for (let i = 0; i + 1 < lines.length; i += 2) {
    if (lowerName(lines[i] as string) === name) value = value === undefined ? lines[i + 1] : `${value}, ${lines[i + 1]}`
  }
  return value
}

const REPLACED = new Set([
  ...OF_IDENTITY.map((name) => name.toLowerCase()),
  'content-encoding',
  'content-length',
  'vary',
])

function encodedLines(lines: FieldLines, coding: Coding, length: number): FieldLines {
  const encoded: string[] = []
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lines[i] as string
    const value = lines[i + 1] as string
    const lower = lowerName(name)
    if (!REPLACED.has(lower)) encoded.push(name, lower === 'etag' ? weak(value) : value)
  }
  encoded.push('Content-Encoding', coding, 'Content-Length', String(length))
  encoded.push('Vary', unitedVary(fieldIn(lines, 'vary')))
  return encoded
}
