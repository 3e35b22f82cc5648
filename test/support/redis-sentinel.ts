import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { redisCommand, until } from './redis-cluster.ts'
import { answersPing, end, launchServer, onFreePort, type RedisServer, requireProgram, startRedis } from './servers.ts'

export interface RedisSentinels {
  readonly name: string
  readonly master: RedisServer
  readonly replica: RedisServer
  readonly sentinelRootNodes: readonly { readonly host: string; readonly port: number }[]
  /** The port of the master that the sentinels name now. */
  masterPort(): Promise<number>
  stop(): Promise<void>
}

/** A master, a replica, and three sentinels of which two must agree that the master is gone. */
export async function startRedisSentinels(): Promise<RedisSentinels> {
  const name = 'main'
  const running: { stop(): Promise<void> }[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(running.map((server) => server.stop()))
  }
  const started = <T extends { stop(): Promise<void> }>(server: T): T => {
    running.push(server)
    return server
  }
  try {
    const master = started(await startRedis())
    const replica = started(await startRedis({ replicaof: `127.0.0.1 ${master.port}` }))
    // Sentinels look for replicas when they start, and then only every 10 s.
    await until('the replica follows', async () =>
      (await redisCommand(master.port, 'INFO replication')).includes('state=online'),
    )
    const sentinels = await Promise.all([1, 2, 3].map(async () => started(await startSentinel(name, master.port))))
    const first = sentinels[0]?.port ?? 0
    await until('the sentinels know all', async () => {
      const seen = await redisCommand(first, `SENTINEL MASTER ${name}`)
      return /num-slaves\r\n\$1\r\n1/.test(seen) && /num-other-sentinels\r\n\$1\r\n2/.test(seen)
    })
    return {
      name,
      master,
      replica,
      sentinelRootNodes: sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
      masterPort: async () => {
        const answer = await redisCommand(first, `SENTINEL GET-MASTER-ADDR-BY-NAME ${name}`)
        return Number(answer.split('\r\n')[4])
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startSentinel(name: string, masterPort: number): Promise<{ port: number; stop(): Promise<void> }> {
  const program = requireProgram('redis-server')
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-sentinel-'))
  const { port, first } = await onFreePort((port) => {
    const file = join(folder, `${port}.conf`)
    writeFileSync(file, settingsOf(port, folder, name, masterPort))
    return launchServer(program, [file, '--sentinel'], () => answersPing(port))
  })
  return {
    port,
    stop: async () => {
      await end(first, 'SIGTERM')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function settingsOf(port: number, folder: string, name: string, masterPort: number): string {
  return `port ${port}
bind 127.0.0.1
dir ${folder}
sentinel monitor ${name} 127.0.0.1 ${masterPort} 2
sentinel down-after-milliseconds ${name} 1000
sentinel failover-timeout ${name} 5000
sentinel parallel-syncs ${name} 1
`
}
