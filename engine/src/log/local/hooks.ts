/**
 * The steps of a log where a simulation may interfere. A log without hooks pays nothing for them.
 * A hook interferes by throwing, by delaying, or by doing something to the member (fence, lose).
 */
import type { LocalMember } from './member.ts'
import type { PartitionWrite } from './store.ts'

export interface LogHooks {
  begin(member: LocalMember): void
  write(member: LocalMember): void
  /** Wraps the atomic step of a commit; not calling `step` means that it did not take place. */
  commit(member: LocalMember, step: () => void, writes: readonly PartitionWrite[]): Promise<void>
  append(step: () => void): void
  poll(member: LocalMember): void
}
