export { KeyedState, type StoreOptions } from './keyed-state.ts'
export { type CheckedLayout, checkLayout } from './layout.ts'
export { StateEnvironment, type StateEnvironmentOptions } from './lmdb-backend.ts'
export { MemoryBackend, memoryBackend } from './memory-backend.ts'
export type * from './port.ts'
export {
  type ChangelogBatch,
  type RestoreResult,
  restoreState,
  usableCheckpoint,
} from './restore.ts'
export {
  openSavepoint,
  type Savepoint,
  type SavepointHeader,
  type SavepointSummary,
  writeSavepoint,
} from './savepoint.ts'
export { storedVersion } from './stored-value.ts'
