import { sharedPlaceTests } from './shared-suite.ts'

sharedPlaceTests({ name: 'postgres', pushes: true, nearTtls: [5_000] })
