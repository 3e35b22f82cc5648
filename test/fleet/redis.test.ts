import { sharedPlaceTests } from './shared-suite.ts'

sharedPlaceTests({ name: 'redis', pushes: true })
