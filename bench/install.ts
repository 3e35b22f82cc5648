import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const HERE = fileURLToPath(new URL('.', import.meta.url))

/** Installs the peers, into this folder only, where that was not done yet. Says so. */
export function installPeers(): void {
  if (existsSync(new URL('node_modules', import.meta.url))) return
  console.log('The peers to measure beside are not installed yet: npm --prefix bench ci')
  execFileSync('npm', ['--prefix', HERE, 'ci', '--no-audit', '--no-fund'], { stdio: 'inherit' })
}
