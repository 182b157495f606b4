/** What the parts of one in-process log share. */
import type { LogHooks } from './hooks.ts'
import type { Scheduler } from './scheduler.ts'
import type { AppendSignal } from './signal.ts'
import type { LogStore } from './store.ts'

export interface LocalContext {
  readonly store: LogStore
  readonly signal: AppendSignal
  readonly scheduler: Scheduler
  /** ms since 1970. */
  readonly now: () => number
  /** Key, value and headers of one record together. */
  readonly maxRecordBytes: number
  /** How long a `revoked` listener may take before its partitions are lost, in ms. */
  readonly revokeMs: number
  /** How long the place of a member that closed without leaving is kept, in ms. */
  readonly keepPlaceMs: number
  /** Defers the flush of appends, so that those of one turn share a commit. */
  readonly defer: (run: () => void) => void
  readonly hooks: LogHooks | undefined
}
