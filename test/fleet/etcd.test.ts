import { sharedPlaceTests } from './shared-suite.ts'

sharedPlaceTests({ name: 'etcd', pushes: true, nearTtls: [5_000] })
