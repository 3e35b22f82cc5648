/** A private nginx for tests. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launchServer, requireProgram, startServer, type TestServer } from './servers.ts'

export interface NginxServer extends TestServer {
  readonly url: string
  /** What it wrote to error.log. */
  complaints(): string
}

/**
 * Starts an nginx of our own on the *.conf files of a folder, beginning with nginx.conf, which names everything it
 * writes relative to the prefix. `addresses` says what stands in for addresses in these files.
 *
 * @throws where one of the addresses is in none of them, or nginx refuses them.
 */
export async function startNginx(
  configuration: string,
  addresses: (port: number) => Readonly<Record<string, string>>,
): Promise<NginxServer> {
  const program = requireProgram('nginx')
  const prefix = mkdtempSync(join(tmpdir(), 'breakwater-nginx-'))
  const launch = (port: number) => {
    copyConfiguration(configuration, prefix, addresses(port))
    // One process, which root and others can run alike, and which leaves no workers behind.
    const words = ['-p', prefix, '-c', join(prefix, 'nginx.conf'), '-g', 'master_process off;']
    return launchServer(program, words, () => accepts(port))
  }
  const server = await startServer(launch, prefix)
  return {
    ...server,
    url: `http://127.0.0.1:${server.port}`,
    complaints: () => readFileSync(join(prefix, 'error.log'), 'utf8'),
  }
}

function copyConfiguration(from: string, to: string, addresses: Readonly<Record<string, string>>): void {
  const files = readdirSync(from).filter((name) => name.endsWith('.conf'))
  const texts = files.map((name) => readFileSync(join(from, name), 'utf8'))
  for (const address of Object.keys(addresses)) {
    if (!texts.some((text) => text.includes(address))) throw new Error(`${address} is not in the files of ${from}`)
  }
  for (const [index, name] of files.entries()) {
    const text = Object.entries(addresses).reduce((text, [is, be]) => text.replaceAll(is, be), texts[index]!)
    writeFileSync(join(to, name), text)
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
