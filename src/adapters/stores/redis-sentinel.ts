import type { RedisClientOptions } from '@redis/client'
import { StoreError } from '../../core/store/errors.ts'
import { asBuffers, type NodeRedis, RedisConnection } from './redis-connection.ts'
import { type ConnectionSettings, type ListenerPlan, OneServer, type RedisServers } from './redis-servers.ts'

export interface RedisSentinelNodes {
  /** What the sentinels call the master. */
  readonly name: string
  readonly sentinelRootNodes: readonly { readonly host: string; readonly port: number }[]
  /** User, password, database, TLS of master and replicas. */
  readonly nodeClientOptions?: RedisClientOptions | undefined
  /** User, password, TLS of the sentinels. */
  readonly sentinelClientOptions?: RedisClientOptions | undefined
}

interface Place {
  readonly host: string
  readonly port: number
}

/** The master that sentinels name. They tell of another one over a subscription, so a failover needs no polling. */
export function sentinelServer(nodes: RedisSentinelNodes, settings: ConnectionSettings): RedisServers {
  return new OfSentinels(nodes, settings)
}

class OfSentinels extends OneServer {
  readonly #sentinel: RedisConnection
  readonly #onMaster: () => Iterable<RedisConnection>

  constructor(nodes: RedisSentinelNodes, settings: ConnectionSettings) {
    let master: Place | undefined
    const connections = new Set<RedisConnection>()
    const moveTo = (place: Place): void => {
      const isNew = master !== undefined && (master.host !== place.host || master.port !== place.port)
      master = place
      for (const connection of connections) {
        if (isNew) connection.drop('is no longer the master')
        connection.hurry()
      }
    }

    const sentinel = new RedisConnection({
      what: `The sentinel of ${nodes.name}`,
      candidates: () => nodes.sentinelRootNodes.map((place) => at(place, nodes.sentinelClientOptions)),
      ...settings,
      prepare: async (client) => moveTo(await askForMaster(client, nodes.name, moveTo)),
    })
    const candidates = async (): Promise<RedisClientOptions[]> => {
      await sentinel.open().catch((error) => {
        if (master === undefined) throw error
      })
      return master === undefined ? [] : [at(master, nodes.nodeClientOptions)]
    }
    const plan = { what: `The master ${nodes.name}`, candidates, ...settings }
    const add = (connection: RedisConnection): RedisConnection => {
      connections.add(connection)
      return connection
    }

    super(
      add(new RedisConnection({ ...plan, prepare: mustBeMaster })),
      (hooks: ListenerPlan) => add(new RedisConnection({ ...plan, ...hooks })),
      settings,
    )
    this.#sentinel = sentinel
    this.#onMaster = () => connections
  }

  override async close(): Promise<void> {
    await Promise.all([this.#sentinel, ...this.#onMaster()].map((connection) => connection.close()))
  }
}

/** Both at once: a sentinel does one right after the other, so no change is missed in between. */
async function askForMaster(client: NodeRedis, name: string, moveTo: (place: Place) => void): Promise<Place> {
  const asked = client.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name], asBuffers)
  const subscribed = client.subscribe('+switch-master', (text) => {
    const [changed, , , host, port] = text.split(' ')
    if (changed === name && host !== undefined) moveTo({ host, port: Number(port) })
  })
  const [reply] = await Promise.all([asked, subscribed])
  if (!Array.isArray(reply)) throw new StoreError(`The sentinels know no master called ${name}; check sentinel.name`)
  return { host: String(reply[0]), port: Number(reply[1]) }
}

/** For a while after a failover the old master takes connections, and a sentinel may not have heard of the new one. */
async function mustBeMaster(client: NodeRedis): Promise<void> {
  const role = await client.sendCommand(['ROLE'], asBuffers).catch(() => undefined)
  if (Array.isArray(role) && String(role[0]) !== 'master')
    throw new StoreError('The server that sentinels name is no master yet')
}

function at(place: Place, options: RedisClientOptions | undefined): RedisClientOptions {
  return {
    ...options,
    socket: { ...options?.socket, host: place.host, port: place.port } as RedisClientOptions['socket'] & {},
  }
}
