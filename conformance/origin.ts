/** Process: the suite's own origin server, held to the loopback interface and a free port. */
import { type AddressInfo, Server } from 'node:net'
import { devNull } from 'node:os'
import { pathToFileURL } from 'node:url'
import { suiteFile } from './checkout.ts'
import { childInput, tellParent } from './child.ts'

const { folder } = childInput<{ folder: string }>()

// The suite reads its settings from the environment of an npm script, and listens on every interface.
Object.assign(process.env, { npm_config_protocol: 'http', npm_config_port: '0', npm_config_pidfile: devNull })
const { listen } = Server.prototype
Server.prototype.listen = function (this: Server): Server {
  this.once('listening', () => tellParent({ port: (this.address() as AddressInfo).port }))
  return listen.call(this, { port: 0, host: '127.0.0.1' })
}

await import(pathToFileURL(suiteFile(folder, 'server/server.mjs')).href)
