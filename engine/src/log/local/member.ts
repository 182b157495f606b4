/**
 * A member of a group: the partitions it owns, how far each was handed out, and its one open epoch.
 *
 * Owns: one `Claim` per owned partition, and the last epoch, which another may follow while it is being
 * committed (L6). A claim's identity is what epochs are fenced by; it is made
 * when the partition is claimed and never comes back once dropped. The group decides about ownership
 * and calls `claim`, `revoke`, `release` and `lose`; the member never changes it by itself.
 * Failure: a listener that throws or rejects makes the next `poll` reject with its error.
 */
import { assert, OpportuneError } from '../../errors.ts'
import type {
  CommittedPosition,
  EpochPosition,
  EpochTransaction,
  LogBatch,
  LogMember,
  MemberListener,
  PollLimits,
  TopicPartition,
} from '../port.ts'
import { partitionKey } from '../port.ts'
import { Cursor, readBatch } from './batch.ts'
import type { LocalContext } from './context.ts'
import { LocalEpoch } from './epoch.ts'
import type { Frame } from './frame.ts'
import { requirePartition } from './store.ts'

interface Claim {
  readonly partition: TopicPartition
  readonly cursor: Cursor
  /** undefined: from the earliest record kept when it is first read. */
  position: number | undefined
  /** Where `position` was put by reading what is not committed yet. */
  aheadTo: number | undefined
  paused: boolean
  revoking: boolean
}

/** Who decides which partitions are whose, and calls `claim`, `revoke`, `release` and `lose`. */
export interface Coordinator {
  readonly name: string
  subscribed(member: LocalMember, topics: readonly string[]): Promise<void>
  closed(member: LocalMember, leave: boolean): void
}

export class LocalMember implements LogMember {
  readonly id: string
  readonly group: string
  readonly overlaps: boolean = true
  readonly #context: LocalContext
  readonly #coordinator: Coordinator
  readonly #claims = new Map<string, Claim>()
  #listener: MemberListener | undefined
  #topics: readonly string[] = []
  #epoch: LocalEpoch | undefined
  #ended: 'log_closed' | 'log_fenced' | 'log_crashed' | undefined
  #failure: { readonly error: unknown } | undefined
  #turn = 0
  #polling = false
  #wake: (() => void) | undefined

  constructor(context: LocalContext, coordinator: Coordinator, id: string) {
    this.#context = context
    this.#coordinator = coordinator
    this.id = id
    this.group = coordinator.name
  }

  /** @throws log_closed, log_fenced, log_crashed */
  assertAlive(): void {
    if (this.#ended !== undefined)
      throw new OpportuneError(this.#ended, 'This member has come to its end.', {
        group: this.group,
        member: this.id,
      })
  }

  async subscribe(topics: readonly string[], listener: MemberListener): Promise<void> {
    this.assertAlive()
    for (const topic of topics) requirePartition(this.#context.store, topic, 0)
    this.#listener = listener
    this.#topics = [...topics]
    await this.#coordinator.subscribed(this, topics)
  }

  async poll(limits: PollLimits): Promise<readonly LogBatch[]> {
    assert(!this.#polling, 'a member is polled by one caller at a time')
    this.#polling = true
    try {
      const ready = this.#collect(limits)
      if (ready.length > 0 || limits.waitMs <= 0) return ready
      await this.#wait(limits)
      return this.#ended === 'log_closed' ? [] : this.#collect(limits)
    } finally {
      this.#polling = false
    }
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#setPaused(partitions, true)
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#setPaused(partitions, false)
    this.#wake?.()
  }

  /**
   * Does nothing for a partition that is not owned (any more): its next owner decides.
   * @param offset undefined: the earliest record kept when it is first read
   */
  seek(partition: TopicPartition, offset: number | undefined): void {
    const claim = this.#claims.get(partitionKey(partition))
    if (claim === undefined) return
    claim.position = offset
    this.#wake?.()
  }

  async committed(
    partitions: readonly TopicPartition[],
  ): Promise<ReadonlyMap<string, CommittedPosition>> {
    this.assertAlive()
    await this.#context.store.settled()
    const found = new Map<string, CommittedPosition>()
    for (const partition of partitions) {
      const position = this.#context.store.committed(this.group, partition)
      if (position !== undefined) found.set(partitionKey(partition), position)
    }
    return found
  }

  position(partition: TopicPartition): number {
    this.assertAlive()
    const claim = this.#claims.get(partitionKey(partition))
    assert(claim !== undefined, 'only an owned partition has a position')
    return claim.position ?? this.#start(partition)
  }

  begin(positions: readonly EpochPosition[]): EpochTransaction {
    this.assertAlive()
    const before = this.#epoch
    assert(before?.passable ?? true, 'a member has one open epoch at a time')
    this.#context.hooks?.begin(this)
    this.#epoch = new LocalEpoch(this.#context, this, {
      positions,
      before: before?.spent === false ? before : undefined,
    })
    return this.#epoch
  }

  async close(options: { readonly leave?: boolean } = {}): Promise<void> {
    if (this.#ended !== undefined) return
    this.#coordinator.closed(this, options.leave ?? false)
    this.end('log_closed')
  }

  // --- for the group and for epochs ---

  owned(): readonly TopicPartition[] {
    return [...this.#claims.values()].map((claim) => claim.partition)
  }

  /** The claim an epoch is fenced by, or undefined. */
  claimOf(partition: TopicPartition): object | undefined {
    return this.#claims.get(partitionKey(partition))
  }

  /**
   * Moves a partition's position over frames that nobody else can see yet.
   * @returns those behind the position; none where they do not begin at it
   */
  passAhead(partition: TopicPartition, frames: readonly Frame[]): readonly Frame[] {
    const claim = this.#claims.get(partitionKey(partition))
    if (claim === undefined || claim.paused || claim.revoking) return []
    const position = claim.position ?? this.#start(partition)
    const ahead = frames.filter((frame) => frame.base >= position)
    const [first] = ahead
    if (first === undefined || first.base !== position) return []
    claim.position = claim.aheadTo = (ahead.at(-1) ?? first).end
    return ahead
  }

  /** Resolves when the listener was told, once no commit of a former owner runs any more. */
  async claim(partitions: readonly TopicPartition[]): Promise<void> {
    const { store } = this.#context
    const claims = partitions.map((partition) => ({
      partition,
      cursor: new Cursor(store, partition),
      position: undefined,
      aheadTo: undefined,
      paused: true,
      revoking: false,
    }))
    for (const claim of claims) this.#claims.set(partitionKey(claim.partition), claim)
    await store.settled()
    const kept = claims.filter((claim) => this.claimOf(claim.partition) === claim)
    for (const claim of kept)
      this.seek(claim.partition, store.committed(this.group, claim.partition)?.offset)
    if (kept.length > 0)
      void this.#tell(() => this.#listener?.claimed(kept.map(({ partition }) => partition)))
  }

  /** Settles when the listener is done or its time is up; @returns whether it was done in time. */
  async revoke(partitions: readonly TopicPartition[]): Promise<boolean> {
    for (const partition of partitions) {
      const claim = this.#claims.get(partitionKey(partition))
      if (claim !== undefined) claim.revoking = true
    }
    const done = this.#tell(() => this.#listener?.revoked(partitions))
    let cancel = (): void => {}
    const late = new Promise<boolean>((resolve) => {
      cancel = this.#context.scheduler.after(this.#context.revokeMs, () => resolve(false))
    })
    try {
      return await Promise.race([done.then(() => true), late])
    } finally {
      cancel()
    }
  }

  /** Drops claims without a word: after a revocation that was answered. */
  release(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.#claims.delete(partitionKey(partition))
  }

  lose(partitions: readonly TopicPartition[]): void {
    this.release(partitions)
    if (partitions.length > 0) void this.#tell(() => this.#listener?.lost(partitions))
  }

  /** Ends the member: every later call fails with `code`. A fenced one is told what it lost. */
  end(code: 'log_closed' | 'log_fenced' | 'log_crashed'): void {
    if (this.#ended !== undefined) return
    this.#ended = code
    const partitions = this.owned()
    if (code === 'log_fenced') this.lose(partitions)
    else this.release(partitions)
    this.#wake?.()
  }

  /** Makes the next poll fail with `error`. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#wake?.()
  }

  // --- polling ---

  #collect(limits: PollLimits): readonly LogBatch[] {
    this.assertAlive()
    if (this.#failure !== undefined) throw this.#failure.error
    this.#context.hooks?.poll(this)
    const ready = this.#inTurn().filter((claim) => this.#hasMore(claim))
    const batches: LogBatch[] = []
    let { maxRecords, maxBytes } = limits
    ready.forEach((claim, i) => {
      if (maxRecords <= 0 || maxBytes < 0) return
      // An equal share of what is left for each partition still to be served.
      const left = ready.length - i
      const share = {
        maxRecords: Math.ceil(maxRecords / left),
        maxBytes: Math.ceil(maxBytes / left),
      }
      const batch = readBatch(claim.cursor, claim.position ?? 0, share, batches.length === 0)
      if (batch === undefined) return
      claim.position = batch.nextOffset
      maxRecords -= batch.length
      maxBytes -= batch.bytes
      batches.push(batch)
    })
    return batches
  }

  /** The claims, another one first each time, so that none starves behind a small limit. */
  #inTurn(): readonly Claim[] {
    const claims = [...this.#claims.values()]
    if (claims.length < 2) return claims
    const first = this.#turn++ % claims.length
    return [...claims.slice(first), ...claims.slice(0, first)]
  }

  #hasMore(claim: Claim): boolean {
    if (claim.paused || claim.revoking) return false
    const { topic, partition } = claim.partition
    const { start, end } = this.#context.store.bounds(topic, partition)
    claim.position ??= start
    if (claim.position > end && claim.position === claim.aheadTo) return false
    if (claim.position < start || claim.position > end)
      throw new OpportuneError('log_offset_out_of_range', 'A position is outside of the log.', {
        topic,
        partition,
        position: claim.position,
        start,
        end,
      })
    // Markers, or what an abort left: there is nothing to hand out, and the position is behind it.
    if (claim.position < end && claim.cursor.frameAt(claim.position) === undefined)
      claim.position = end
    return claim.position < end
  }

  /** Until records arrive, something else changes what a poll would find, or time is up. */
  async #wait(limits: PollLimits): Promise<void> {
    const { signal, scheduler } = this.#context
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        this.#wake = undefined
        stopListening()
        stopTimer()
        resolve()
      }
      const stopListening = signal.listen(this.#topics, finish)
      const stopTimer = scheduler.after(limits.waitMs, finish)
      this.#wake = finish
    })
  }

  #setPaused(partitions: readonly TopicPartition[], paused: boolean): void {
    for (const partition of partitions) {
      const claim = this.#claims.get(partitionKey(partition))
      if (claim !== undefined) claim.paused = paused
    }
  }

  #start(partition: TopicPartition): number {
    return this.#context.store.bounds(partition.topic, partition.partition).start
  }

  async #tell(call: () => void | Promise<void> | undefined): Promise<void> {
    try {
      await call()
    } catch (error) {
      this.fail(error)
    }
  }
}
