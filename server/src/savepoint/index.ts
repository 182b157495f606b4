/** Savepoints: everything committed at one moment in a file, and replays that start from one. */
export { takeSavepoint } from './take.ts'
export { type Difference, type Verification, verifyCommand } from './verify.ts'
