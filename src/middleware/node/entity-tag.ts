import { hash } from 'node:crypto'

/** A strong entity tag. Lengths keep what is hashed apart. */
export function entityTag(parts: readonly string[]): string {
  const text = parts.map((part) => `${part.length}:${part}`).join('')
  return `"${hash('sha256', text, 'base64url').slice(0, 22)}"`
}
