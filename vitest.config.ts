import { defineConfig } from 'vitest/config'

// Tests import `breakwater` as its users do; this condition leads them to src instead of dist.
// The rest are Vite's own defaults for a server.
const conditions = ['breakwater-source', 'module', 'node', 'development|production']

// Suites against services that no test can start. Where no skip is allowed they are left out unless they can run.
const { REQUIRE_SERVERS, S3_TEST_ENDPOINT, MONGO_URL, MYSQL_URL, DYNAMODB_ENDPOINT } = process.env
const live = [
  ...(S3_TEST_ENDPOINT === undefined ? ['test/stores/s3-live.test.ts'] : []),
  ...((MONGO_URL ?? MYSQL_URL ?? DYNAMODB_ENDPOINT) === undefined ? ['test/stores/keyv-live.test.ts'] : []),
].filter(() => REQUIRE_SERVERS === '1')

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: live,
    environment: 'node',
    // Processes, not threads: tests change the global dispatcher, send signals and start servers.
    pool: 'forks',
    // A hang ends, and a machine with much else to do does not fail.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // As long as test/support/set-up.ts gives.
    expect: { poll: { timeout: 20_000 } },
    setupFiles: ['test/support/set-up.ts'],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text', 'html'],
    },
  },
})
