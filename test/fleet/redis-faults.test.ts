import { serverFaultTests } from './faults-suite.ts'

serverFaultTests('redis')
