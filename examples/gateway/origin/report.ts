import type { RequestListener } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { sendJson } from './send.ts'

/** Takes a second and a half to make; nobody waits for it twice. */
export const report: RequestListener = async (request, response) => {
  await sleep(1500)
  const sold = Array.from({ length: 12 }, (_, month) => ({ month: month + 1, sold: 400 + ((month * 137) % 211) }))
  const made = new Date().toISOString()
  sendJson(request, response, { made, sold }, { cache: 'max-age=10, stale-while-revalidate=3600' })
}
