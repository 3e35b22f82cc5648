import { serverFaultTests } from './faults-suite.ts'

serverFaultTests('postgres')
