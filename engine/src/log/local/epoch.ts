/**
 * One open epoch: frames packed as they are written, given to the store in one step on commit.
 *
 * Ownership is captured at `begin` and compared on commit, so a partition that was lost and claimed
 * again in between does not count as owned (L3). A retriable error leaves the epoch open for the
 * same commit; every other outcome spends it.
 */
import { assert, OpportuneError } from '../../errors.ts'
import type { EpochPosition, EpochTransaction, OutgoingRecord, TopicPartition } from '../port.ts'
import { partitionKey } from '../port.ts'
import type { LocalContext } from './context.ts'
import { type Frame, pack } from './frame.ts'
import type { LocalMember } from './member.ts'
import { requirePartition } from './store.ts'

interface PendingWrite extends TopicPartition {
  readonly frames: Frame[]
}

export class LocalEpoch implements EpochTransaction {
  readonly positions: readonly EpochPosition[]
  readonly #context: LocalContext
  readonly #member: LocalMember
  readonly #claims: readonly unknown[]
  readonly #writes = new Map<string, PendingWrite>()
  #state: 'open' | 'committing' | 'spent' = 'open'

  constructor(context: LocalContext, member: LocalMember, positions: readonly EpochPosition[]) {
    for (const position of positions)
      requirePartition(context.store, position.topic, position.partition)
    this.#context = context
    this.#member = member
    this.positions = positions
    this.#claims = positions.map((position) => member.claimOf(position))
  }

  get spent(): boolean {
    return this.#state === 'spent'
  }

  write(topic: string, partition: number, records: readonly OutgoingRecord[]): void {
    assert(this.#state === 'open', 'an epoch that was committed or aborted is not written to')
    this.#member.assertAlive()
    this.#context.hooks?.write(this.#member)
    requirePartition(this.#context.store, topic, partition)
    const { now, maxRecordBytes } = this.#context
    const frames = pack(records, { now: now(), maxRecordBytes })
    const key = partitionKey({ topic, partition })
    const pending = this.#writes.get(key)
    if (pending === undefined) this.#writes.set(key, { topic, partition, frames })
    else for (const frame of frames) pending.frames.push(frame)
  }

  async commit(): Promise<void> {
    assert(this.#state === 'open', 'an epoch is committed once')
    this.#state = 'committing'
    try {
      const { hooks } = this.#context
      if (hooks === undefined) this.#apply()
      else await hooks.commit(this.#member, () => this.#apply(), [...this.#writes.values()])
      this.#state = 'spent'
    } catch (error) {
      const retriable = error instanceof OpportuneError && error.class === 'retriable'
      this.#state = retriable ? 'open' : 'spent'
      throw error
    }
  }

  async abort(): Promise<void> {
    assert(this.#state !== 'committing', 'an epoch is not aborted while its commit runs')
    this.#state = 'spent'
    this.#writes.clear()
  }

  #apply(): void {
    this.#member.assertAlive()
    this.positions.forEach((position, i) => {
      const claim = this.#claims[i]
      if (claim === undefined || claim !== this.#member.claimOf(position))
        throw new OpportuneError('log_abortable', 'A partition of the epoch was lost.', {
          topic: position.topic,
          partition: position.partition,
        })
    })
    const { store, signal } = this.#context
    const writes = [...this.#writes.values()]
    store.commit({ writes, group: this.#member.group, positions: this.positions })
    signal.notify(this.#topics())
  }

  *#topics(): Iterable<string> {
    for (const write of this.#writes.values()) yield write.topic
  }
}
