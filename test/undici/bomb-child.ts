/** A client that reads bombs with a limit before it, and tells its parent the most memory it ever used. */
import { limitResponse, ResponseTooLargeError } from 'breakwater/undici'
import { ways } from './coded-origin.ts'

const MB = 1024 * 1024
const peak = (): number => process.resourceUsage().maxRSS * 1024

async function ask(url: string, path: string): Promise<void> {
  for (const [name, undici, read] of ways) {
    const agent = new undici.Agent()
    const dispatcher = agent.compose(undici.interceptors.decompress(), limitResponse({ maxSize: MB }))
    const outcome: unknown = await read(url + path, dispatcher).catch((error: unknown) => error)
    const isRight = path.startsWith('/bomb') ? outcome instanceof ResponseTooLargeError : typeof outcome === 'number'
    if (!isRight) throw new Error(`${path} by ${name} came to ${String(outcome)}`)
    await agent.destroy()
  }
}

process.on('message', ({ url, warm, bombs }: { url: string; warm: string[]; bombs: string[] }) => {
  void (async () => {
    for (const path of warm) await ask(url, path)
    const before = peak()
    for (const path of bombs) await ask(url, path)
    process.send?.({ grown: peak() - before })
  })()
})
process.send?.('ready')
