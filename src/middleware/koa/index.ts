export { cache } from './cache.ts'
export { purgeHandler } from './purge-handler.ts'
export { setCachePolicy } from './set-cache-policy.ts'
