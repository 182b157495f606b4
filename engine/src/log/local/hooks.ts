/**
 * The steps of a log where a simulation may interfere. A log without hooks pays nothing for them.
 * A hook interferes by throwing, by delaying, or by doing something to the member (fence, lose).
 */
import type { LocalMember } from './member.ts'
import type { PartitionWrite } from './store.ts'

export interface CommitStep {
  readonly writes: readonly PartitionWrite[]
  take(): Promise<void>
  /** Lets the member's thread go on before the step is taken. */
  aside(): void
}

export interface LogHooks {
  begin(member: LocalMember): void
  write(member: LocalMember): void
  /** Wraps the atomic step of a commit; not calling `take` means that it did not take place. */
  commit(member: LocalMember, step: CommitStep): Promise<void>
  append(step: () => Promise<void>): Promise<void>
  poll(member: LocalMember): void
}
