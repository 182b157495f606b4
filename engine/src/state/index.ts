export { KeyedState } from './keyed-state.ts'
export { checkLayout } from './layout.ts'
export { StateEnvironment } from './lmdb-backend.ts'
export { MemoryBackend, memoryBackend } from './memory-backend.ts'
export type * from './port.ts'
export {
  type ChangelogBatch,
  restoreState,
  usableCheckpoint,
} from './restore.ts'
export {
  openSavepoint,
  type Savepoint,
  type SavepointSummary,
  writeSavepoint,
} from './savepoint.ts'
export { storedVersion } from './stored-value.ts'
