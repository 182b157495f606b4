/**
 * A task: one partition of one stage's input topic, and everything that depends on it.
 *
 * Owns the partition's keyed state, clock, broadcast values and outputs. It is driven slice by slice
 * (`run`), and its slice becomes visible only through `seal` and the log's commit.
 *
 * E1 Records are processed in offset order; marks advance time before the record that carries them.
 * E2 Timers due at the new time fire before the record, in the order (due, key, slot, name), at
 *    most as many in a slice as `run` is told; a key's own due timers always fire before its
 *    record. The rest go on in the next slice, in the same order.
 * E3 What throws loses its record's (or its timer's) writes and outputs and nothing else, and
 *    becomes a dead letter with its bytes and position. Errors that are not about the record stop
 *    the task.
 * E4 `abort` restores state, timers, clock, broadcasts, chains and marks to what the last commit
 *    left, whatever was sealed since.
 * E5 Results do not depend on where slices begin and end.
 */
import { rangeReader } from '../codec/codec.ts'
import { assert, findError, OpportuneError } from '../errors.ts'
import { type FrameEntry, FrameReader } from '../frame/frame.ts'
import type { LogBatch } from '../log/port.ts'
import type { KeyEntry, KeyedStore, Timer } from '../state/port.ts'
import { END, type Millis } from '../time.ts'
import type { SourceSpec, Stage } from '../topology/plan.ts'
import { broadcastSlot, type Change, encodeDeadLetter, TASK_SLOT } from './changelog.ts'
import { TaskClock } from './clock.ts'
import { type ContextHost, Current } from './context.ts'
import { handOverCodec, MERGE_EDGE, packHandOver, takeHandOver } from './hand-over.ts'
import { type OutgoingBatch, Outputs } from './outputs.ts'
import { SourceTime } from './source-time.ts'
import { encodeTaskState, type TaskState } from './task-state.ts'
import { type Wiring, wire } from './wiring.ts'

export interface TaskOptions {
  readonly stage: Stage
  readonly partition: number
  readonly store: KeyedStore
  /** Names of all upstream tasks whose marks count. */
  readonly upstream: readonly string[]
  readonly inboxPartitions: ReadonlyMap<string, number>
  readonly markEvery: Millis
  readonly maxOutputBytes?: number | undefined
}

export interface TaskStats {
  records: number
  deadLetters: number
  timersFired: number
  farFuture: number
  handOvers: number
}

export class Task implements ContextHost {
  readonly id: string
  readonly stage: Stage
  readonly partition: number
  readonly store: KeyedStore
  readonly current = new Current()
  readonly stats: TaskStats = {
    records: 0,
    deadLetters: 0,
    timersFired: 0,
    farFuture: 0,
    handOvers: 0,
  }
  readonly source: SourceTime | null
  /** Of the last seal. */
  epoch = 0
  #shared = new Map<string, unknown>()
  readonly #clock: TaskClock
  readonly #outputs: Outputs
  readonly #wiring: Wiring
  readonly #slots: ReadonlyMap<string, number>
  readonly #broadcasts: ReadonlyMap<number, (item: FrameEntry) => void>
  /** Reads a value of the stage's entry. */
  readonly #decode: (bytes: Buffer, from: number, to: number) => unknown
  /** The frame being read, and its keys in the store by their number in the frame. */
  #frame: Buffer = Buffer.alloc(0)
  readonly #entries: (KeyEntry | undefined)[] = []
  #timerBudget = 0
  #changedShared = new Set<string>()
  #committed: TaskState
  /** What the epochs that are sealed and not committed yet left, oldest first. */
  #sealed: TaskState[] = []

  constructor(options: TaskOptions) {
    const { stage, partition } = options
    this.id = `${stage.id}/${partition}`
    this.stage = stage
    this.partition = partition
    this.store = options.store
    this.#decode = rangeReader(stage.entry.spec.codec)
    this.#slots = new Map(stage.operators.map((node, slot) => [node.operator.id, slot]))
    this.#clock = new TaskClock(options.upstream)
    this.source = stage.entry.kind === 'source' ? new SourceTime(stage.entry.spec) : null
    this.#outputs = new Outputs({
      task: this.id,
      partition,
      markEvery: options.markEvery,
      maxBytes: options.maxOutputBytes,
      inboxes: feeds(stage, options.inboxPartitions),
    })
    this.#wiring = wire(stage, this, this.#outputs)
    this.#broadcasts = this.#broadcastInputs()
    this.current.topic = stage.topic
    this.current.partition = partition
    this.#committed = this.#taskState()
  }

  get shared(): ReadonlyMap<string, unknown> {
    return this.#shared
  }

  /** Values each node took in since the task started. */
  get tallies(): ReadonlyMap<string, { readonly values: number }> {
    return this.#wiring.tallies
  }

  get now(): Millis {
    return this.source === null ? this.#clock.now : this.source.mark
  }

  get liveFrom(): Millis {
    return this.source === null ? this.#clock.liveFrom : this.source.liveFrom
  }

  slotOf(id: string): number {
    const slot = this.#slots.get(id)
    if (slot === undefined)
      throw new OpportuneError(
        'topology_undeclared_read',
        `'${id}' is not in stage '${this.stage.id}'.`,
      )
    return slot
  }

  /** Whether a slice without records has work: timers that the last one had no budget for. */
  get backlog(): boolean {
    const { now } = this
    if (now === END) return false
    // Time that it held back for a timer which turned out to be cancelled is still to be told.
    return this.store.earliestDue() <= now || this.#outputs.mark < now
  }

  /**
   * Processes a slice: a batch of its partition, or none (timers and marks only).
   * @param timers how many timers may fire that do not stand in front of a record of their key
   */
  run(batch: LogBatch | undefined, timers: number): void {
    this.#timerBudget = timers
    if (batch !== undefined) {
      if (this.source === null) this.#runFrames(batch)
      else this.#runSource(batch)
    }
    this.#fireDue()
    this.#outputs.liveFrom = this.liveFrom
    this.#settleMark()
  }

  /**
   * Ends the slice. What it returns must be committed together with the slice's position. Another slice
   * may be run before that, and sealed.
   */
  seal(): { readonly outputs: OutgoingBatch[]; readonly changes: readonly Change[] } {
    const outputs = this.#outputs.seal()
    const sealed = this.store.sealEpoch(this.epoch + 1)
    this.epoch++
    const state = this.#taskState()
    this.#sealed.push(state)
    const changes: Change[] = [...sealed.changes]
    for (const id of this.#changedShared) {
      const value = Buffer.from(JSON.stringify(this.#shared.get(id) ?? null))
      changes.push({ slot: broadcastSlot(id), group: 0, key: this.id, value })
    }
    this.#changedShared = new Set()
    changes.push({ slot: TASK_SLOT, group: 0, key: this.id, value: encodeTaskState(state) })
    return { outputs, changes }
  }

  takeDeadLetters(): Buffer[] {
    return this.#outputs.deadLetters.splice(0)
  }

  /** The oldest sealed epoch is committed. */
  promote(): void {
    const state = this.#sealed.shift()
    assert(state !== undefined, 'what is promoted was sealed')
    this.store.promote(state.epoch)
    this.#committed = state
  }

  /** Back to the last commit. The caller seeks the partition back as well. */
  abort(): void {
    this.store.abort(this.epoch + 1)
    for (let state = this.#sealed.pop(); state !== undefined; state = this.#sealed.pop())
      this.store.abort(state.epoch)
    this.#outputs.discard()
    this.#changedShared = new Set()
    this.#adopt(this.#committed)
  }

  /** Takes back what an earlier owner of the partition left. */
  restore(state: TaskState): void {
    this.#committed = state
    this.#adopt(state)
  }

  /** What the last commit left, for checkpoints. */
  get committed(): TaskState {
    return this.#committed
  }

  transfer(from: number, target: string, link: string): void {
    const { current, store } = this
    if (current.entry === null) return
    const handOver = packHandOver({
      store,
      entry: current.entry,
      except: from,
      link,
      operators: this.stage.operators,
      now: current.now,
    })
    const item = {
      edge: MERGE_EDGE,
      key: target,
      mode: current.mode,
      time: current.time,
      mark: this.#outputs.mark,
    }
    this.#outputs.toInbox(this.#outputs.inbox(this.stage.topic), item, handOver, handOverCodec)
  }

  #runSource(batch: LogBatch): void {
    const { current, source } = this
    const { entry } = this.stage
    if (entry.kind !== 'source' || source === null) return
    current.batch = batch
    for (let i = 0; i < batch.length; i++) {
      current.index = i
      current.offset = batch.offset(i)
      current.appendedAt = batch.timestamp(i)
      const key = batch.key(i)
      if (key !== null && source.control(key, batch.value(i))) continue
      if (!batch.locate(i, current.range)) continue
      current.time = current.appendedAt
      this.stats.records++
      this.#begin(null)
      try {
        this.#sourceRecord(entry.spec, source)
        this.#keep()
      } catch (error) {
        this.#drop(error)
      }
    }
    current.batch = null
  }

  #sourceRecord(spec: SourceSpec<unknown>, source: SourceTime): void {
    const { current } = this
    const { buffer, from, to } = current.range
    const value = this.#decode(buffer, from, to)
    current.time = spec.time?.(value, current.appendedAt) ?? current.appendedAt
    if (source.advance(current.time, current.appendedAt)) this.stats.farFuture++
    current.now = source.mark
    current.mode = source.mode
    this.#outputs.mark = source.mark
    this.#outputs.liveFrom = source.liveFrom
    this.#wiring.accept(value)
  }

  #runFrames(batch: LogBatch): void {
    const { current } = this
    const clock = this.#clock
    for (let i = 0; i < batch.length; i++) {
      const bytes = batch.value(i)
      if (bytes === null) continue
      current.offset = batch.offset(i)
      current.appendedAt = batch.timestamp(i)
      const frame = new FrameReader(bytes)
      this.#frame = frame.buffer
      this.#entries.length = 0
      const upstream = clock.upstream(frame.upstream)
      clock.observeLive(upstream, frame.liveFrom)
      this.#outputs.liveFrom = clock.liveFrom
      for (let item = frame.next(); item !== undefined; item = frame.next()) {
        if (clock.observe(upstream, item.mark)) this.#fireDue()
        this.#item(item)
      }
      if (clock.observe(upstream, frame.lastMark)) this.#fireDue()
    }
  }

  #item(item: FrameEntry): void {
    const { current } = this
    this.#showBytes(item)
    if (item.key === null) {
      current.entry = null
      current.key = null
      this.#broadcasts.get(item.edge)?.(item)
      return
    }
    this.stats.records++
    const entry = this.#entry(item)
    if (entry === null) return
    const { now } = this.#clock
    this.#fireDueOf(entry, now)
    this.#settleMark()
    current.time = item.time
    current.now = now
    current.mode = item.mode
    // A timer that fired in between has no bytes.
    this.#showBytes(item)
    this.store.setNow(now)
    this.#begin(entry)
    try {
      if (item.edge === MERGE_EDGE) this.#takeIn(entry, current.bytes)
      else this.#wiring.accept(this.#decode(this.#frame, item.from, item.to))
      this.#keep()
    } catch (error) {
      this.#drop(error)
    }
    this.#fireDueOf(entry, now)
  }

  #showBytes(item: FrameEntry): void {
    const { range } = this.current
    range.buffer = this.#frame
    range.from = item.from
    range.to = item.to
  }

  /** The record's key in the store; null where no store could hold it (its record is a dead letter). */
  #entry(item: FrameEntry): KeyEntry | null {
    const known = this.#entries[item.keyNumber]
    if (known !== undefined) return known
    try {
      const entry = this.store.entry(item.key ?? '')
      this.#entries[item.keyNumber] = entry
      return entry
    } catch (error) {
      this.current.time = item.time
      this.#begin(null)
      this.#drop(error)
      return null
    }
  }

  /** Before a key's record, and after it: what the record armed for this very instant fires next. */
  #fireDueOf(entry: KeyEntry, now: Millis): void {
    for (let t = this.store.dueOf(entry, now); t !== undefined; t = this.store.dueOf(entry, now))
      this.#fire(entry, t)
  }

  /** Fires what is due, in the order (due, key, slot, name), as far as the slice's budget goes. */
  #fireDue(): void {
    const { now } = this
    while (this.#timerBudget > 0 && this.store.earliestDue() <= now) {
      const due = this.store.nextDue(now)
      if (due === undefined) break
      this.#timerBudget--
      if (due.timer.due > this.#outputs.mark) this.#outputs.mark = due.timer.due
      this.#fire(due.entry, due.timer)
    }
  }

  #fire(entry: KeyEntry, timer: Timer): void {
    const { current } = this
    const wired = this.#wiring.operators[timer.slot]
    current.time = timer.due
    current.now = timer.due
    current.mode = timer.due < this.liveFrom ? 'history' : 'live'
    current.range.to = current.range.from
    this.stats.timersFired++
    this.store.setNow(timer.due)
    // The timer is gone even if its operator throws: it would throw for ever.
    this.store.beginRecord()
    this.store.cancelTimer(entry, timer.slot, timer.name)
    this.store.keepRecord()
    this.#begin(entry)
    try {
      wired?.operator.onTimer?.(timer.name, wired.context)
      this.#keep()
    } catch (error) {
      this.#drop(error)
    }
  }

  /** Opens one unit of work that is kept whole or dropped whole. */
  #begin(entry: KeyEntry | null): void {
    this.current.entry = entry
    this.current.key = entry === null ? null : entry.key
    this.store.beginRecord()
    this.#outputs.beginRecord()
  }

  #keep(): void {
    this.store.keepRecord()
    this.#outputs.keepRecord()
  }

  #drop(error: unknown): void {
    this.store.dropRecord()
    this.#outputs.dropRecord()
    const known = findError(error)
    if (known !== undefined && known.class !== 'input') throw error
    this.stats.deadLetters++
    this.#outputs.deadLetters.push(encodeDeadLetter(this.stage.id, this.current, error))
  }

  #takeIn(entry: KeyEntry, bytes: Buffer): void {
    const handOver = handOverCodec.read(bytes)
    const { now } = this.current
    if (this.store.takeLink(entry, handOver.link, now)) return
    this.stats.handOvers++
    takeHandOver(handOver, { store: this.store, entry, operators: this.stage.operators, now })
    for (const { operator, context } of this.#wiring.operators)
      if (operator.id in handOver.states) operator.onMerged?.(handOver.from, context)
  }

  /** Out-time: nothing that is still to be sent can be older. */
  #settleMark(): void {
    const { now } = this
    if (now === END || this.#outputs.mark === END) {
      this.#outputs.mark = now
      return
    }
    const pending = this.store.earliestDue()
    const mark = pending <= now ? pending : now
    if (mark > this.#outputs.mark) this.#outputs.mark = mark
  }

  #broadcastInputs(): ReadonlyMap<number, (item: FrameEntry) => void> {
    const inputs = new Map<number, (item: FrameEntry) => void>()
    for (const [edge, { broadcast, codec }] of this.stage.broadcasts)
      inputs.set(edge, (item) => {
        const before = this.#shared.get(broadcast.id) ?? broadcast.initial
        this.current.time = item.time
        this.#begin(null)
        try {
          const after = broadcast.fold(before, codec.read(this.current.bytes) as never, item.time)
          this.#shared = new Map(this.#shared).set(broadcast.id, after)
          this.#changedShared.add(broadcast.id)
          this.#keep()
        } catch (error) {
          this.#drop(error)
        }
      })
    return inputs
  }

  #taskState(): TaskState {
    return {
      epoch: this.epoch,
      clock: this.#clock.snapshot(),
      source: this.source?.snapshot() ?? null,
      mark: this.#outputs.mark,
      sent: this.#outputs.sentMarks(),
      chains: { ...this.#outputs.chains },
      shared: this.#shared,
    }
  }

  #adopt(state: TaskState): void {
    this.epoch = state.epoch
    this.#clock.restore(state.clock)
    if (state.source !== null) this.source?.restore(state.source)
    this.#outputs.mark = state.mark
    this.#outputs.liveFrom = this.liveFrom
    this.#outputs.restoreSentMarks(state.sent)
    this.#outputs.chains = { ...state.chains }
    this.#shared = state.shared
  }
}

/** The inboxes a stage writes to; its own for hand-overs, without carrying time. */
function feeds(stage: Stage, partitions: ReadonlyMap<string, number>) {
  const list = stage.nodes.flatMap((node) =>
    node.kind === 'into' || node.kind === 'broadcast'
      ? [
          {
            topic: node.inbox.id,
            partitions: partitions.get(node.inbox.id) ?? 1,
            carriesTime: node.kind === 'into' && !node.loop,
          },
        ]
      : [],
  )
  if (stage.entry.kind === 'inbox' && stage.entry.spec.mergeable === true)
    list.push({ topic: stage.topic, partitions: stage.partitions, carriesTime: false })
  return list
}
