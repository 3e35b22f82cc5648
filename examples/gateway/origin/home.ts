import { readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { send } from './send.ts'

const html = readFileSync(new URL('home.html', import.meta.url), 'utf8')

export const home: RequestListener = (request, response) => {
  send(request, response, {
    type: 'text/html; charset=utf-8',
    body: html,
    cache: 'max-age=60, stale-while-revalidate=600',
  })
}
