/**
 * The partitions that a member owns: how far each was handed out, what was read ahead, whether it may
 * be polled. Reads from the source what polls ask for and shares it out fairly.
 */
import { OpportuneError } from '../../errors.ts'
import type {
  CommittedPosition,
  EpochPosition,
  LogBatch,
  PollLimits,
  TopicPartition,
} from '../port.ts'
import { partitionKey } from '../port.ts'
import { Shelf } from './shelf.ts'
import type { PartitionSource, SourceEvent, SourcePosition } from './source.ts'

export interface Claim {
  readonly at: TopicPartition
  readonly shelf: Shelf
  position: number
  committed: CommittedPosition | undefined
  paused: boolean
  revoking: boolean
  /** The source says that `position` is not in the log (any more). */
  outOfRange: boolean
}

export interface NewClaim {
  readonly at: TopicPartition
  readonly offset: number
  readonly committed: CommittedPosition | undefined
}

export class Claims {
  source: PartitionSource | undefined
  readonly #claims = new Map<string, Claim>()
  #reading: Promise<void> | undefined
  #turn = 0
  #failure: OpportuneError | undefined
  /** Why the source cannot go on. */
  unsupported: string | undefined
  /** Told once per cause; for whoever watches the log. */
  trouble: (error: OpportuneError) => void = () => {}

  of(partition: TopicPartition): Claim | undefined {
    return this.#claims.get(partitionKey(partition))
  }

  ofAll(partitions: readonly TopicPartition[]): readonly Claim[] {
    return partitions.flatMap((at) => this.of(at) ?? [])
  }

  all(): readonly Claim[] {
    return [...this.#claims.values()]
  }

  add(claims: readonly NewClaim[]): void {
    for (const { at, offset, committed } of claims)
      this.#claims.set(partitionKey(at), {
        at,
        shelf: new Shelf(),
        position: offset,
        committed,
        paused: true,
        revoking: false,
        outOfRange: false,
      })
    this.source?.assign(claims.map(({ at, offset }) => ({ ...at, offset })))
  }

  drop(claims: readonly Claim[]): void {
    for (const claim of claims) this.#claims.delete(partitionKey(claim.at))
    this.source?.unassign(claims.map((claim) => claim.at))
  }

  revoking(claims: readonly Claim[]): void {
    for (const claim of claims) claim.revoking = true
    this.source?.pause(claims.map((claim) => claim.at))
  }

  setPaused(partitions: readonly TopicPartition[], paused: boolean): void {
    const owned = this.ofAll(partitions)
    for (const claim of owned) claim.paused = paused
    const at = owned.filter((claim) => !claim.revoking).map((claim) => claim.at)
    if (paused) this.source?.pause(at)
    else this.source?.resume(at)
  }

  seek(partition: TopicPartition, offset: number): void {
    const claim = this.of(partition)
    if (claim === undefined) return
    claim.shelf.clear()
    claim.position = offset
    claim.outOfRange = false
    this.source?.seek({ ...claim.at, offset })
  }

  noteCommitted(positions: readonly EpochPosition[]): void {
    for (const { offset, metadata, ...at } of positions) {
      const claim = this.of(at)
      if (claim !== undefined) claim.committed = { offset, metadata }
    }
  }

  /** Reads where less waits than a poll may hand out. Ends early when `woken` resolves. */
  async read(limits: PollLimits, woken: Promise<void>): Promise<void> {
    let waiting = 0
    for (const claim of this.#claims.values()) if (pollable(claim)) waiting += claim.shelf.records
    if (waiting >= limits.maxRecords) return
    // One that was left waiting by an earlier poll is waited for again.
    const own = this.#reading === undefined
    this.#reading ??= this.#readOnce(limits).finally(() => {
      this.#reading = undefined
    })
    if (own && limits.waitMs <= 0) return await this.#reading
    const timer = new Timer(limits.waitMs)
    await Promise.race([this.#reading, woken, timer.over])
    timer.stop()
  }

  /** @throws log_offset_out_of_range */
  raise(): void {
    if (this.#failure !== undefined) throw this.#failure
    for (const claim of this.#claims.values())
      if (claim.outOfRange && pollable(claim) && claim.shelf.records === 0)
        throw new OpportuneError('log_offset_out_of_range', 'A position is outside of the log.', {
          topic: claim.at.topic,
          partition: claim.at.partition,
          position: claim.position,
        })
  }

  collect(limits: PollLimits): readonly LogBatch[] {
    this.raise()
    const ready = this.#inTurn().filter((claim) => pollable(claim) && claim.shelf.records > 0)
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
      const batch = claim.shelf.take(share, batches.length === 0)
      if (batch === undefined) return
      claim.position = batch.nextOffset
      const { shelf } = claim
      if (shelf.records === 0) claim.position = Math.max(claim.position, shelf.passedTo)
      maxRecords -= batch.length
      maxBytes -= batch.bytes
      batches.push(batch)
    })
    return batches
  }

  /** Goes on from another source, where this one stands. */
  async changeSource(other: PartitionSource): Promise<void> {
    const former = this.source
    this.source = other
    this.unsupported = undefined
    const all = this.all()
    for (const claim of all) claim.shelf.clear()
    other.assign(all.map((claim) => ({ ...claim.at, offset: claim.position })))
    const running = all.filter((claim) => !claim.paused && !claim.revoking)
    other.resume(running.map((claim) => claim.at))
    await former?.close()
  }

  // --- inside ---

  async #readOnce(limits: PollLimits): Promise<void> {
    const { source } = this
    const events = (await source?.poll(limits)) ?? []
    // What the former source still had is read again by the new one.
    if (source === this.source) for (const event of events) this.#take(event)
  }

  #take(event: SourceEvent): void {
    if (event.kind === 'records') {
      const claim = this.of(event.batch)
      if (claim !== undefined) claim.shelf.put(event.batch, claim.position)
    } else if (event.kind === 'passed') this.#passed(event)
    else if (event.kind === 'out_of_range') {
      const claim = this.of(event)
      if (claim !== undefined) claim.outOfRange = true
    } else if (event.kind === 'failed') this.#failure = event.error
    else if (event.kind === 'unsupported') this.unsupported = event.reason
    else this.trouble(event.error)
  }

  #passed(to: SourcePosition): void {
    const claim = this.of(to)
    if (claim === undefined) return
    if (claim.shelf.records === 0) claim.position = Math.max(claim.position, to.offset)
    else claim.shelf.passedTo = to.offset
  }

  /** The claims, another one first each time, so that none starves behind a small limit. */
  #inTurn(): readonly Claim[] {
    const claims = this.all()
    if (claims.length < 2) return claims
    const first = this.#turn++ % claims.length
    return [...claims.slice(first), ...claims.slice(0, first)]
  }
}

const pollable = (claim: Claim): boolean => !claim.paused && !claim.revoking

/** The end of a wait; at once, but not before what is ready now, where there is nothing to wait for. */
class Timer {
  readonly over: Promise<void>
  #timer: NodeJS.Timeout | undefined

  constructor(ms: number) {
    this.over = new Promise((resolve) => {
      if (ms > 0) this.#timer = setTimeout(resolve, ms)
      else setImmediate(resolve)
    })
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
