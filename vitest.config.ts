import { defineConfig } from 'vitest/config'

// Tests import `breakwater` as its users do; this condition leads them to src instead of dist.
const source = 'breakwater-source'
const conditions = [source, 'module', 'node', 'development|production']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    // Processes, not threads: tests change the global dispatcher, send signals and start servers.
    pool: 'forks',
    execArgv: [`--conditions=${source}`],
    testTimeout: 15_000,
    hookTimeout: 15_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text', 'html'],
    },
  },
})
