import * as fc from 'fast-check'
import type { FieldValue } from '../../src/core/http/message.ts'

/** Strings made of what the parsers look at, so that they are nearly fields. */
const fragments = fc
  .array(
    fc.oneof(
      fc.constantFrom(',', ';', '=', '"', '\\', ' ', '\t', '*', 'W/', '-', '/', ':', '(', ')', '@', '?', '%', '\u212a'),
      fc.constantFrom('max-age', 'no-store', 'private', 'no-cache', 'bytes', 'GMT', 'q', 'close', 'en', '"a"', '\r\n'),
      fc.nat().map(String),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 20 },
  )
  .map((parts) => parts.join(''))

const line: fc.Arbitrary<string> = fc.oneof(fragments, fc.string({ unit: 'binary' }), fc.string())

/** Any value that a field can have: one line, several, none. */
export const anyFieldValue: fc.Arbitrary<FieldValue> = fc.oneof(
  line,
  fc.array(line, { maxLength: 4 }),
  fc.constant(undefined),
)

export const anyLine: fc.Arbitrary<string> = line
