import { describeLocalStore } from './local-suite.ts'

describeLocalStore('disk')
