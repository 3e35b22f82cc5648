/** Set-up of every test file: what is waited for may take as long as a machine with much else to do needs for it. */
import { vi } from 'vitest'

const patience = 20_000
const { waitFor } = vi

vi.waitFor = (callback, options = {}) =>
  waitFor(callback, typeof options === 'number' ? options : { timeout: patience, ...options })
