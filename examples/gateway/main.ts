/** An Express server with a response cache, in front of an origin of its own or of the one that you name. */
import { memoryStore, ResponseCache } from 'breakwater'
import { gateway } from './gateway.ts'
import { listen } from './listen.ts'
import { startOrigin } from './origin/server.ts'
import { readSettings, type Settings } from './settings.ts'
import { stopOnSignal } from './stop.ts'
import { tour } from './tour.ts'
import { toAnyOrigin, toOwnOrigin } from './upstream.ts'

async function run({ origin, port }: Settings): Promise<void> {
  const responses = new ResponseCache({ store: memoryStore({ maxBytes: 64 * 1024 * 1024 }) })
  const own = origin === undefined ? await startOrigin() : undefined
  const upstream = own === undefined ? toAnyOrigin(origin as string, responses) : toOwnOrigin(own.address)
  const { address, server } = await listen(gateway(upstream, responses), port).catch((error: unknown) => {
    own?.server.close()
    throw error
  })
  stopOnSignal(own === undefined ? [server] : [server, own.server], upstream.dispatcher)
  console.log([address, ...tour(address, origin)].join('\n'))
}

const settings = readSettings(process.argv.slice(2), process.env.PORT)
if ('problem' in settings) {
  console.error(settings.problem)
  process.exitCode = 2
} else {
  run(settings).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  })
}
