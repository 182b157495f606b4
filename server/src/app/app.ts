/**
 * The running product in one process: its log, state, worker, and what the outside may ask of them.
 *
 * The data directory has one owner: log/ (topics and positions, where the log is embedded), state/
 * (checkpoints, rebuilt from the log when lost), keys/ (the audit signing key), clickhouse/, outbox/.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  assert,
  KeyedState,
  keyGroup,
  type LogAppender,
  type Millis,
  type OpenedState,
  OpportuneError,
  type OutgoingRecord,
  type Plan,
  partitionOf,
  type SlotSpec,
  StateEnvironment,
  Worker,
  type WorkerOptions,
} from '#engine'
import type { DefinitionSet, IdentityState, ModelActivated, ProfileState } from '#operators'
import { decisionChain } from '#sinks'
import { type AppLog, lingerOf, type OpenedLog, openAppLog, workerName } from './app-log.ts'
import { IngestQueue } from './ingest-queue.ts'
import { type ControlRecord, opportune, TOPICS } from './topology.ts'

export interface AppOptions
  extends Pick<
    WorkerOptions,
    'slice' | 'onStep' | 'dropState' | 'checkpointEveryMs' | 'onRestore'
  > {
  readonly directory: string
  readonly log: AppLog
  readonly partitions: number
  /** Take live events in (default); a replay does not, and its time is the file's alone. */
  readonly live?: boolean
  /** Tells builds apart in positions and savepoints. */
  readonly build: string
  /** ms since 1970. */
  readonly now: () => Millis
  /** Decoded customers in memory, over all partitions. */
  readonly cachedCustomers?: number
  /** Called once, when the worker stops for a reason of its own. */
  readonly onFailure?: (error: unknown) => void
}

export interface AppStats {
  readonly epochs: number
  readonly records: number
  readonly aborts: number
  readonly lag: number
}

const DEFAULT_CACHED = 25_000
/** Estimated bytes of decoded customers, and of changes that wait for a checkpoint; all partitions. */
const CACHED_BYTES = 128 << 20
const UNWRITTEN_BYTES = 48 << 20

/** Largest record from outside. */
const INPUT_BYTES = 1 << 20
/**
 * Largest record on the log: what is derived from one from outside is larger, with its envelope, and as
 * a dead letter in base64. Without that room a record that may come in could not be got rid of.
 */
export const RECORD_BYTES = 4 * INPUT_BYTES
/** Largest output of an operator: in the audit chain it stands in quotes, each of which takes two bytes. */
const OUTPUT_BYTES = RECORD_BYTES / 2

/** Where a customer is. `elsewhere`: from `key` on it is another process's to say. */
export type Located =
  | { readonly kind: 'here'; readonly key: string; readonly profile: ProfileState }
  | { readonly kind: 'elsewhere'; readonly key: string; readonly partition: number }
  | { readonly kind: 'unknown' }

/** An id as a producer gave it stands for the known customer and the unknown one alike. */
export const keysOf = (id: string): readonly string[] =>
  id.startsWith('u:') || id.startsWith('a:') ? [id] : [`u:${id}`, `a:${id}`]

export class App {
  readonly plan: Plan
  readonly log: OpenedLog
  readonly worker: Worker
  readonly options: AppOptions
  readonly #states: StateEnvironment
  readonly #appender: LogAppender
  readonly #ingests: IngestQueue
  readonly #settlers = new Set<() => void>()
  #failure: unknown = null
  #loop: Promise<void> | null = null

  private constructor(options: AppOptions, log: OpenedLog, eventPartitions: number) {
    this.options = options
    this.log = log
    this.plan = opportune({
      partitions: options.partitions,
      eventPartitions,
      live: options.live ?? true,
      decisionChain,
    }).build()
    this.#states = new StateEnvironment({ directory: join(options.directory, 'state') })
    this.#appender = log.appender()
    const lingerMs = lingerOf(options.log)
    this.#ingests = new IngestQueue(this.#appender, TOPICS.events, lingerMs)
    this.worker = new Worker({
      plan: this.plan,
      log,
      id: workerName(options.log),
      maxOutputBytes: OUTPUT_BYTES,
      build: options.build,
      now: options.now,
      openState: (task, slots) => this.#openState(task, slots),
      onCommit: () => this.#wake(),
      lingerMs,
      ...(options.slice === undefined ? {} : { slice: options.slice }),
      onStep: (step) => {
        // What waits goes into the epoch's transaction, and is synced with it.
        if (step === 'commit') this.#ingests.flush()
        options.onStep?.(step)
      },
      ...(options.checkpointEveryMs === undefined
        ? {}
        : { checkpointEveryMs: options.checkpointEveryMs }),
      ...(options.dropState === undefined ? {} : { dropState: options.dropState }),
      ...(options.onRestore === undefined ? {} : { onRestore: options.onRestore }),
    })
  }

  /** @throws log_owned, log_corrupt, log_kafka_*, state_vanished, state_version, state_mismatch */
  static async open(options: AppOptions): Promise<App> {
    mkdirSync(options.directory, { recursive: true })
    const { directory, now } = options
    const log = await openAppLog(options.log, { directory, now, maxRecordBytes: RECORD_BYTES })
    try {
      const app = new App(options, log, await eventPartitions(options.log, log))
      await app.worker.start()
      return app
    } catch (error) {
      await log.close()
      throw error
    }
  }

  /** Starts the loop. */
  run(): void {
    this.#loop ??= this.worker.run().catch((error: unknown) => {
      this.#failure = error
      this.#wake()
      this.options.onFailure?.(error)
    })
  }

  /** Why the worker stopped; null while it runs. */
  get failure(): unknown {
    return this.#failure
  }

  /** Raw calls, as they came in; durable when the promise resolves. @throws log_record_too_large */
  async ingest(calls: readonly Uint8Array[], receivedAt: Millis): Promise<void> {
    for (const { length } of calls)
      if (length > INPUT_BYTES)
        throw new OpportuneError('log_record_too_large', `A call has ${length} bytes.`)
    await this.#ingests.add(calls, receivedAt)
  }

  async appendImport(records: readonly OutgoingRecord[]): Promise<void> {
    await this.#appender.append(TOPICS.import, 0, records)
  }

  async importEnd(): Promise<number> {
    const [bounds] = await this.log.bounds([{ topic: TOPICS.import, partition: 0 }])
    return bounds?.end ?? 0
  }

  /** Puts definitions in force, in-band: every task sees them at the same place in its inbox. */
  activateDefinitions(set: DefinitionSet): Promise<void> {
    return this.#control({ kind: 'definitions', activated: { set } })
  }

  activateModel(activated: ModelActivated): Promise<void> {
    return this.#control({ kind: 'model', activated })
  }

  /** Resolves when everything appended is processed by the tasks here, and nothing of theirs moves any more. */
  async settled(): Promise<void> {
    while (!(await this.#still())) await this.committed()
    if (this.#failure !== null) throw this.#failure
  }

  /** What a commit wrote may be visible only after it was acknowledged: then one look is not enough. */
  async #still(): Promise<boolean> {
    const { epochs } = this.worker.stats
    if ((await this.worker.lag()) > 0) return false
    const { log, worker } = this
    if (log.kind === 'embedded') return true
    const partitions = worker.tasks.map(({ stage, partition }) => ({
      topic: stage.topic,
      partition,
    }))
    const waits = (await log.stability(partitions)).some((it) => it.stable < it.written)
    return !waits && (await worker.lag()) === 0 && worker.stats.epochs === epochs
  }

  /** Raw calls that the router has not read yet. */
  async backlog(): Promise<number> {
    return this.worker.lag(TOPICS.events)
  }

  /** Resolves after the next commit, or soon in any case. @throws what the worker stopped for */
  async committed(): Promise<void> {
    if (this.#failure !== null) throw this.#failure
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#settlers.add(resolve)
      // A commit may have come between the caller's look and this wait.
      timer = setTimeout(resolve, 20)
    })
    clearTimeout(timer)
  }

  /**
   * The key that a customer's profile is kept under, and the profile's state.
   * @throws task_not_here
   */
  customer(id: string): { readonly key: string; readonly profile: ProfileState } | null {
    for (const start of keysOf(id)) {
      const found = this.locate(start)
      if (found.kind === 'here') return found
      // Asked again for what another process keeps, this one says so in its own words.
      if (found.kind === 'elsewhere') this.#read('identity', found.key)
    }
    return null
  }

  /** Follows a key to where its profile is kept, as far as that is known here. */
  locate(start: string): Located {
    let key = start
    for (let hops = 0; ; hops++) {
      const partition = partitionOf(keyGroup(key), this.options.partitions)
      if (!this.#keeps(partition)) return { kind: 'elsewhere', key, partition }
      const { to } = this.#read('identity', key) as IdentityState
      if (to === null || hops === 8) break
      key = to
    }
    const profile = this.#read('profile', key)
    if (profile === this.#initial('profile')) return { kind: 'unknown' }
    return { kind: 'here', key, profile: profile as ProfileState }
  }

  /** The value of a broadcast in force at the first customer task. */
  shared(id: string): unknown {
    const task = this.worker.tasks.find((t) => t.stage.id === TOPICS.customerInbox)
    return task?.shared.get(id)
  }

  async stats(): Promise<AppStats> {
    const { epochs, records, aborts } = this.worker.stats
    return { epochs, records, aborts, lag: await this.worker.lag() }
  }

  async stop(): Promise<void> {
    await this.worker.stop()
    await this.#loop
    this.#ingests.flush()
    await this.#appender.close()
    await this.#states.close()
    await this.log.close()
  }

  #read(operator: string, key: string): unknown {
    const partition = partitionOf(keyGroup(key), this.options.partitions)
    return this.worker.read({ stage: TOPICS.customerInbox, partition, operator }, key)
  }

  #keeps(partition: number): boolean {
    return this.worker.tasks.some(
      (task) => task.stage.id === TOPICS.customerInbox && task.partition === partition,
    )
  }

  #initial(operator: string): unknown {
    const stage = this.plan.stages.find((s) => s.id === TOPICS.customerInbox)
    const node = stage?.operators.find((o) => o.operator.id === operator)
    assert(node !== undefined, `${operator} is in the customer stage`)
    return node.operator.state.initial
  }

  #openState(task: string, slots: readonly SlotSpec[]): OpenedState {
    const backend = this.#states.backend(task)
    const { partitions, cachedCustomers = DEFAULT_CACHED, dropState: drops } = this.options
    const options = {
      slots,
      backend,
      maxKeys: Math.ceil(cachedCustomers / partitions),
      maxBytes: Math.ceil(CACHED_BYTES / partitions),
      checkpointBytes: Math.ceil(UNWRITTEN_BYTES / partitions),
      ...(drops === undefined ? {} : { drops }),
    }
    return { backend, store: new KeyedState(options) }
  }

  async #control(record: ControlRecord): Promise<void> {
    const value = Buffer.from(JSON.stringify(record))
    await this.#appender.append(TOPICS.control, 0, [
      { key: null, value, timestamp: this.options.now() },
    ])
  }

  #wake(): void {
    this.#ingests.flush()
    for (const settle of this.#settlers) settle()
    this.#settlers.clear()
  }
}

/** A topic of somebody else's has as many partitions as they gave it. */
async function eventPartitions(options: AppLog, log: OpenedLog): Promise<number> {
  if (options.kind === 'embedded' || options.foreignTopics?.[TOPICS.events] === undefined) return 1
  return (await log.topics()).find((topic) => topic.name === TOPICS.events)?.partitions ?? 1
}
