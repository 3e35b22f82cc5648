import { sharedPlaceTests } from './shared-suite.ts'

sharedPlaceTests({ name: 'memcached', pushes: false, nearTtls: [1_000] })
