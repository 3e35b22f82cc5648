import { type FieldLines, fieldsOf } from '../../core/http/message.ts'
import type { Controller, ResponseFields } from './types.ts'

/** Response fields of undici as field lines. */
export function linesOf(fields: ResponseFields): string[] {
  const lines: string[] = []
  for (const name of Object.keys(fields)) {
    const value = fields[name]
    if (Array.isArray(value)) for (const line of value) lines.push(name, line)
    else if (value !== undefined) lines.push(name, String(value))
  }
  return lines
}

/** A record that is never handed out itself, and which of its fields need a copy of their own. */
interface Template {
  readonly fields: Record<string, string | string[]>
  readonly repeated: readonly string[]
}

/** The lines of a plain hit are one array for a whole second, so its record is made once. */
const templates = new WeakMap<FieldLines, Template>()

/** Field lines as undici hands fields out; a fresh record with each call, for it is the consumer's to change. */
export function responseFields(lines: FieldLines): ResponseFields {
  let template = templates.get(lines)
  if (template === undefined) {
    const fields = { ...fieldsOf(lines) }
    template = { fields, repeated: Object.keys(fields).filter((name) => Array.isArray(fields[name])) }
    templates.set(lines, template)
  }
  const copy: ResponseFields = { ...template.fields }
  for (const name of template.repeated) copy[name] = [...(template.fields[name] as string[])]
  return copy
}

/** The fields with Cache-Status, to which each cache on the way adds its own member (RFC 9211 section 2). */
export function withCacheStatus(fields: ResponseFields, status: string): ResponseFields {
  const before = fields['cache-status']
  return { ...fields, 'cache-status': before === undefined ? status : [before, status].flat() }
}

/** The same for the raw fields, which fetch reads; where they are no list or cannot be set they stay as they are. */
export function addRawCacheStatus(controller: Controller, status: string): void {
  const raw: unknown = controller?.rawHeaders
  if (!Array.isArray(raw)) return
  const line = typeof raw[0] === 'string' ? ['cache-status', status] : [NAME, Buffer.from(status, 'latin1')]
  try {
    controller.rawHeaders = [...raw, ...line] as Buffer[]
  } catch {
    // A controller whose raw fields cannot be replaced.
  }
}

const NAME = Buffer.from('cache-status')
