/**
 * One open epoch: frames packed as they are written, given to the store in one step on commit.
 *
 * Ownership is captured at `begin` and compared on commit, so a partition that was lost and claimed
 * again in between does not count as owned (L3). A retriable error leaves the epoch open for the
 * same commit; every other outcome spends it.
 *
 * Of overlapping epochs (see L6 of the port) the later commits only after the earlier has. Frames stand
 * where they will be put if nothing comes between from the moment they are written; who read some of
 * them before they were committed finds out on its own commit whether anything did.
 */
import { assert, OpportuneError } from '../../errors.ts'
import type {
  EpochPosition,
  EpochTransaction,
  LogBatch,
  OutgoingRecord,
  TopicPartition,
} from '../port.ts'
import { partitionKey } from '../port.ts'
import { batchOf } from './batch.ts'
import type { LocalContext } from './context.ts'
import { type Frame, pack } from './frame.ts'
import type { LocalMember } from './member.ts'
import { requirePartition } from './store.ts'

interface PendingWrite extends TopicPartition {
  readonly frames: Frame[]
}

interface Moved {
  readonly position: EpochPosition
  readonly claim: object | undefined
}

export class LocalEpoch implements EpochTransaction {
  readonly #context: LocalContext
  readonly #member: LocalMember
  /** The epoch that was being committed when this one began. */
  #before: LocalEpoch | undefined
  readonly #moved = new Map<string, Moved>()
  readonly #writes = new Map<string, PendingWrite>()
  /** What was read of this epoch's own writes, and the frames read of the one before, by offset. */
  readonly #ownAhead = new Set<PendingWrite>()
  readonly #beforeAhead = new Map<Frame, number>()
  #state: 'open' | 'committing' | 'committed' | 'aborted' = 'open'
  #setAside = (): void => {}
  readonly #aside = new Promise<void>((resolve) => {
    this.#setAside = resolve
  })

  constructor(
    context: LocalContext,
    member: LocalMember,
    epoch: {
      readonly positions: readonly EpochPosition[]
      readonly before: LocalEpoch | undefined
    },
  ) {
    for (const position of epoch.positions)
      requirePartition(context.store, position.topic, position.partition)
    this.#context = context
    this.#member = member
    this.#before = epoch.before
    for (const position of epoch.positions) this.moveTo(position)
  }

  get spent(): boolean {
    return this.#state === 'committed' || this.#state === 'aborted'
  }

  get aborted(): boolean {
    return this.#state === 'aborted'
  }

  /** @param key of the partition, see `partitionKey` */
  writesTo(key: string): { readonly frames: readonly Frame[] } | undefined {
    return this.#writes.get(key)
  }

  /** Whether another epoch may begin: this one is over, or being committed with nothing before it. */
  get passable(): boolean {
    return this.spent || (this.#state === 'committing' && (this.#before?.spent ?? true))
  }

  write(topic: string, partition: number, records: readonly OutgoingRecord[]): void {
    this.#assertOpen()
    this.#member.assertAlive()
    this.#context.hooks?.write(this.#member)
    requirePartition(this.#context.store, topic, partition)
    const { now, maxRecordBytes } = this.#context
    const frames = pack(records, { now: now(), maxRecordBytes })
    const key = partitionKey({ topic, partition })
    let pending = this.#writes.get(key)
    if (pending === undefined) this.#writes.set(key, (pending = { topic, partition, frames: [] }))
    for (const frame of frames) {
      frame.place(this.#endOf(pending))
      pending.frames.push(frame)
    }
  }

  readAhead(partition: TopicPartition): LogBatch | undefined {
    this.#assertOpen()
    if (!this.#context.store.gapless) return undefined
    const key = partitionKey(partition)
    const own = this.#writes.get(key)
    const before = this.#unsettled?.writesTo(key)
    const frames = this.#member.passAhead(partition, [
      ...(before?.frames ?? []),
      ...(own?.frames ?? []),
    ])
    if (frames.length === 0) return undefined
    if (own !== undefined) this.#ownAhead.add(own)
    for (const frame of before?.frames ?? []) this.#beforeAhead.set(frame, frame.base)
    return batchOf(partition, frames)
  }

  moveTo(position: EpochPosition): void {
    this.#assertOpen()
    const claim = this.#member.claimOf(position)
    this.#moved.set(partitionKey(position), { position, claim })
  }

  async commit(): Promise<void> {
    this.#assertOpen('an epoch is committed once')
    assert(this.#before?.spent ?? true, 'an epoch is committed after the one before it')
    this.#state = 'committing'
    try {
      const { hooks } = this.#context
      if (hooks === undefined) await this.#apply()
      else
        await hooks.commit(this.#member, {
          writes: [...this.#writes.values()],
          take: () => this.#apply(),
          aside: this.#setAside,
        })
      this.#state = 'committed'
    } catch (error) {
      const retriable = error instanceof OpportuneError && error.class === 'retriable'
      this.#state = retriable ? 'open' : 'aborted'
      throw error
    } finally {
      if (this.spent) this.#end()
    }
    this.#context.signal.notify([...this.#writes.values()].map((write) => write.topic))
  }

  aside(): Promise<void> {
    return this.#aside
  }

  async abort(): Promise<void> {
    assert(this.#state !== 'committing', 'an epoch is not aborted while its commit runs')
    if (this.#state === 'open') this.#state = 'aborted'
    this.#end()
    this.#writes.clear()
  }

  async #apply(): Promise<void> {
    await this.#context.store.commit({
      writes: [...this.#writes.values()],
      group: this.#member.group,
      positions: [...this.#moved.values()].map(({ position }) => position),
      check: (end) => this.#check(end),
      aside: this.#setAside,
    })
  }

  /** @throws log_abortable, log_closed, log_fenced, log_crashed */
  #check(end: (partition: TopicPartition) => number): void {
    this.#member.assertAlive()
    for (const { position, claim } of this.#moved.values())
      if (claim === undefined || claim !== this.#member.claimOf(position))
        throw new OpportuneError('log_abortable', 'A partition of the epoch was lost.', {
          topic: position.topic,
          partition: position.partition,
        })
    if (this.#before?.aborted === true)
      throw new OpportuneError('log_abortable', 'The epoch before this one was not committed.')
    const before = [...this.#beforeAhead].every(([frame, base]) => frame.base === base)
    const own = [...this.#ownAhead].every((write) => write.frames[0]?.base === end(write))
    if (!before || !own)
      throw new OpportuneError('log_abortable', 'Something came between what was read ahead.')
  }

  /** Where the next record written to a partition will stand if nothing comes between. */
  #endOf(pending: PendingWrite): number {
    const last = pending.frames.at(-1)
    if (last !== undefined) return last.end
    const written = this.#unsettled?.writesTo(partitionKey(pending))?.frames.at(-1)
    return written?.end ?? this.#context.store.bounds(pending.topic, pending.partition).end
  }

  /** The epoch before this one, while nobody knows what becomes of it. */
  get #unsettled(): LocalEpoch | undefined {
    return this.#before?.spent === false ? this.#before : undefined
  }

  #end(): void {
    this.#setAside()
    this.#before = undefined
  }

  #assertOpen(message = 'an epoch that was committed or aborted is not written to'): void {
    assert(this.#state === 'open', message)
  }
}
