import { sharedPlaceTests } from './shared-suite.ts'

sharedPlaceTests({ name: 'sqlite', pushes: false, nearTtls: [1_000] })
