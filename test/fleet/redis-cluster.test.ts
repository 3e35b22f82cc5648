import { sharedPlaceTests } from './shared-suite.ts'

sharedPlaceTests({ name: 'redis-cluster', pushes: true, nearTtls: [5_000] })
