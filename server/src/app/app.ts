/**
 * The running product in one process: embedded log, state, worker, and what the outside may ask of them.
 *
 * The data directory holds everything and has one owner: log/ (topics, positions), state/ (checkpoints,
 * rebuilt from the log when lost), keys/ (the audit signing key), clickhouse/, outbox/.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  assert,
  type EmbeddedLog,
  KeyedState,
  keyGroup,
  type LogAppender,
  type Millis,
  type OpenedState,
  OpportuneError,
  type OutgoingRecord,
  openEmbeddedLog,
  type Plan,
  partitionOf,
  type SlotSpec,
  StateEnvironment,
  Worker,
  type WorkerOptions,
} from '#engine'
import type { DefinitionSet, IdentityState, ModelActivated, ProfileState } from '#operators'
import { decisionChain } from '#sinks'
import { IngestQueue } from './ingest-queue.ts'
import { type ControlRecord, opportune, TOPICS } from './topology.ts'

export interface AppOptions
  extends Pick<WorkerOptions, 'slice' | 'onStep' | 'dropState' | 'checkpointEveryMs'> {
  readonly directory: string
  readonly durability: 'disk' | 'os'
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
/** A commit to disk blocks for a millisecond or so; waiting for a few more records is cheaper. */
const LINGER_MS = 4

/** Largest record from outside. */
const INPUT_BYTES = 1 << 20
/**
 * Largest record on the log: what is derived from one from outside is larger, with its envelope, and as
 * a dead letter in base64. Without that room a record that may come in could not be got rid of.
 */
export const RECORD_BYTES = 4 * INPUT_BYTES

export class App {
  readonly plan: Plan
  readonly log: EmbeddedLog
  readonly worker: Worker
  readonly options: AppOptions
  readonly #states: StateEnvironment
  readonly #appender: LogAppender
  readonly #ingests: IngestQueue
  readonly #settlers = new Set<() => void>()
  #failure: unknown = null
  #loop: Promise<void> | null = null

  private constructor(options: AppOptions, log: EmbeddedLog) {
    this.options = options
    this.log = log
    this.plan = opportune({
      partitions: options.partitions,
      live: options.live ?? true,
      decisionChain,
    }).build()
    this.#states = new StateEnvironment({ directory: join(options.directory, 'state') })
    this.#appender = log.appender()
    const lingerMs = options.durability === 'disk' ? LINGER_MS : 0
    this.#ingests = new IngestQueue(this.#appender, TOPICS.events, lingerMs)
    this.worker = new Worker({
      plan: this.plan,
      log,
      id: 'worker-0',
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
      ...(options.checkpointEveryMs === undefined
        ? {}
        : { checkpointEveryMs: options.checkpointEveryMs }),
    })
  }

  /** @throws log_owned, log_corrupt, state_vanished, state_version, state_mismatch */
  static async open(options: AppOptions): Promise<App> {
    mkdirSync(options.directory, { recursive: true })
    const log = await openEmbeddedLog({
      directory: join(options.directory, 'log'),
      durability: options.durability,
      now: options.now,
      maxRecordBytes: RECORD_BYTES,
    })
    try {
      const app = new App(options, log)
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

  /** Resolves when everything appended is processed and nothing moves any more. */
  async settled(): Promise<void> {
    while ((await this.worker.lag()) > 0) await this.committed()
    if (this.#failure !== null) throw this.#failure
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

  /** The key that a customer's profile is kept under, and the profile's state. */
  customer(id: string): { readonly key: string; readonly profile: ProfileState } | null {
    for (const start of id.startsWith('u:') || id.startsWith('a:')
      ? [id]
      : [`u:${id}`, `a:${id}`]) {
      let key = start
      for (let hops = 0; hops < 8; hops++) {
        const { to } = this.#read('identity', key) as IdentityState
        if (to === null) break
        key = to
      }
      const profile = this.#read('profile', key)
      if (profile !== this.#initial('profile')) return { key, profile: profile as ProfileState }
    }
    return null
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
