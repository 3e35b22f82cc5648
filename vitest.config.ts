import { defineConfig } from 'vitest/config'

// Tests import `breakwater` as its users do; this condition leads them to src instead of dist.
// The rest are Vite's own defaults for a server.
const conditions = ['breakwater-source', 'module', 'node', 'development|production']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    // Processes, not threads: tests change the global dispatcher, send signals and start servers.
    pool: 'forks',
    testTimeout: 15_000,
    hookTimeout: 15_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text', 'html'],
    },
  },
})
