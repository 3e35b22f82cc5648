import { bodies } from './body-shapes.ts'
import { heads } from './head-shapes.ts'
import type { Shape } from './shape.ts'

/** The same handlers on plain node, Express and HTTP/2. */
export const shapes: readonly Shape[] = [...heads, ...bodies]
