/** Savepoints: everything committed at one moment in a file; restores of one, and replays that start from one. */
export { type Restored, type RestoreOptions, restoreSavepoint } from './restore.ts'
export { takeSavepoint } from './take.ts'
export { type Difference, type Verification, verifyCommand } from './verify.ts'
