/** Set-up of every test file. */
import { vi } from 'vitest'

// What is waited for may take as long as a machine with much else to do needs for it.
const patience = 20_000
const { waitFor } = vi
vi.waitFor = (callback, options = {}) =>
  waitFor(callback, typeof options === 'number' ? options : { timeout: patience, ...options })

// A run that decides over a change tries what the one before tried. All others look for something new.
if (process.env.CI === 'true') {
  const { configureGlobal, readConfigureGlobal } = await import('fast-check')
  configureGlobal({ ...readConfigureGlobal(), seed: 1 })
}
