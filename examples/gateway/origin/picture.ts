import type { RequestListener } from 'node:http'
import { send } from './send.ts'

const wave = (y: number): string => {
  const points = Array.from({ length: 33 }, (_, i) => `${i * 20},${(y + 14 * Math.sin(i / 2 + y)).toFixed(1)}`)
  return `<polyline points="${points.join(' ')}" fill="none" stroke="#3b82a0" stroke-width="3"/>`
}

const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 200" role="img" aria-label="Waves">
<rect width="640" height="200" fill="#eef6f9"/>
${[50, 85, 120, 155].map(wave).join('\n')}
</svg>
`

/** Does not change, so it may be kept for a day. */
export const picture: RequestListener = (request, response) => {
  send(request, response, { type: 'image/svg+xml', body: svg, cache: 'max-age=86400' })
}
