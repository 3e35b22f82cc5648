export { itemOf } from '../../src/testing/items.ts'
