import type { RequestListener } from 'node:http'
import { sendJson } from './send.ts'

/** Fresh for one second; after that the old one is served while a new one is fetched. */
export const news: RequestListener = (request, response) => {
  const made = new Date().toISOString()
  sendJson(request, response, { made, headline: 'The tide is in.' }, { cache: 'max-age=1, stale-while-revalidate=600' })
}
