import { serverFaultTests } from './faults-suite.ts'

serverFaultTests('s3')
