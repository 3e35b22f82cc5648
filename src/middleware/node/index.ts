export type { Listener } from './shadow.ts'
export { type ShieldOptions, shield } from './shield.ts'
