/** A private Chromium for tests. */
import { type Browser, chromium } from 'playwright-core'
import { requireProgram } from './servers.ts'

const words = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-proxy-server',
  // Every name under .test is this machine, and there is nothing else.
  '--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
]

/**
 * Starts the machine's own Chromium without a window, with an empty profile; it reaches this machine only, and takes
 * any certificate in a context that ignores HTTPS errors. `close()` ends it.
 */
export function startChromium(): Promise<Browser> {
  // Its sandbox does not run as root.
  return chromium.launch({ executablePath: requireProgram('chromium'), chromiumSandbox: false, args: words })
}
