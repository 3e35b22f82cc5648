export { type WorkerPool, type WorkerPoolOptions, type WorkerPoolStatus, workerPool } from './worker-pool.ts'
