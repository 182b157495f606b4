/**
 * Simulated brokers: what Kafka's do that matters to exactly once, in memory and in virtual time.
 *
 * One set of brokers, and a log for each process that uses them (`connect`), with a connection of its own
 * that may be slow, cut, or outlive its process's interest. The rules SB1 to SB10 stand in the parts; that
 * the whole is an event log is proven by the conformance suite.
 */

import type { LocalContext } from '../../local/context.ts'
import { LocalLog } from '../../local/log.ts'
import { realScheduler, type Scheduler } from '../../local/scheduler.ts'
import type { EventLog, LogMember } from '../../port.ts'
import { FaultInjector, type FaultPlan, type InjectedFault } from '../faults.ts'
import { Prng } from '../prng.ts'
import { GroupCoordinator } from './groups.ts'
import { BrokerMember } from './member.ts'
import { BrokerStore } from './store.ts'
import { TransactionCoordinator } from './transactions.ts'
import { Wire } from './wire.ts'

/** All in ms. */
export interface BrokerTimes {
  readonly heartbeatMs: number
  readonly sessionMs: number
  /** How long brokers wait for partitions asked back; listeners get `revokeMs` for it. */
  readonly rebalanceMs: number
  readonly revokeMs: number
  readonly transactionMs: number
  /** How long a process waits for an answer; for that to a commit, which it never repeats. */
  readonly requestMs: number
  readonly commitMs: number
  /** Longest way of a request or an answer, and of one that is late. */
  readonly latencyMs: number
  readonly lateMs: number
}

const DEFAULT_TIMES: BrokerTimes = {
  heartbeatMs: 3_000,
  sessionMs: 10_000,
  rebalanceMs: 10_000,
  revokeMs: 3_000,
  transactionMs: 10_000,
  requestMs: 5_000,
  commitMs: 5_000,
  latencyMs: 2,
  lateMs: 15_000,
}

export interface SimulatedBrokersOptions {
  readonly times?: Partial<BrokerTimes>
  readonly faults?: FaultPlan
  /** Draws latencies. */
  readonly seed?: number
  /** ms since 1970. */
  readonly now?: () => number
  readonly scheduler?: Scheduler
  readonly maxRecordBytes?: number
}

/** The log of one process. */
export interface BrokerLog extends EventLog {
  readonly kind: 'simulated'
  /** The process is gone, with whatever it had not sent. */
  kill(): void
  /** Nothing gets through to the coordinators or back for `ms`; reading and appending go on. */
  cut(ms: number): void
  compact(topic: string, partition: number): Promise<number>
  housekeep(): Promise<void>
}

export class SimulatedBrokers {
  readonly times: BrokerTimes
  readonly store: BrokerStore
  readonly transactions: TransactionCoordinator
  /** What was injected so far. */
  readonly faults: readonly InjectedFault[]
  readonly #options: SimulatedBrokersOptions
  readonly #scheduler: Scheduler
  readonly #injector: FaultInjector | undefined
  readonly #prng: Prng
  readonly #groups = new Map<string, GroupCoordinator>()

  constructor(options: SimulatedBrokersOptions = {}) {
    this.#options = options
    this.times = { ...DEFAULT_TIMES, ...options.times }
    this.store = new BrokerStore(options.now ?? Date.now)
    this.#scheduler = options.scheduler ?? realScheduler
    this.transactions = new TransactionCoordinator(
      this.store,
      this.#scheduler,
      this.times.transactionMs,
    )
    this.#injector = options.faults === undefined ? undefined : new FaultInjector(options.faults)
    this.faults = this.#injector?.injected ?? []
    this.#prng = new Prng(options.seed ?? 0)
  }

  /** What came of it that no fault was injected for, by kind. */
  happened(): Readonly<Record<string, number>> {
    const groups = [...this.#groups.values()]
    return {
      rebalances: groups.reduce((sum, { stats }) => sum + stats.rebalances, 0),
      expelled: groups.reduce((sum, { stats }) => sum + stats.expelled, 0),
      'transaction timeouts': this.transactions.stats.timeouts,
      'fenced requests': this.transactions.stats.fenced,
    }
  }

  connect(): BrokerLog {
    const { now, maxRecordBytes } = this.#options
    const wire = new Wire({
      scheduler: this.#scheduler,
      prng: this.#prng,
      faults: this.#injector,
      latencyMs: this.times.latencyMs,
      lateMs: this.times.lateMs,
    })
    return new ProcessLog(this, wire, {
      scheduler: this.#scheduler,
      revokeMs: this.times.revokeMs,
      ...(now === undefined ? {} : { now }),
      ...(maxRecordBytes === undefined ? {} : { maxRecordBytes }),
    })
  }

  group(name: string): GroupCoordinator {
    let group = this.#groups.get(name)
    if (group === undefined) {
      const partitionsOf = (topic: string): number => this.store.topic(topic)?.partitions ?? 0
      group = new GroupCoordinator(partitionsOf, this.#scheduler, this.times)
      this.#groups.set(name, group)
    }
    return group
  }
}

class ProcessLog extends LocalLog implements BrokerLog {
  override readonly kind = 'simulated'
  readonly #brokers: SimulatedBrokers
  readonly #wire: Wire
  readonly #members = new Map<string, BrokerMember>()

  constructor(brokers: SimulatedBrokers, wire: Wire, settings: Partial<LocalContext>) {
    super(brokers.store, settings)
    this.#brokers = brokers
    this.#wire = wire
    brokers.store.onVisible((topics) => this.context.signal.notify(topics))
  }

  override async member(options: {
    readonly group: string
    readonly id: string
  }): Promise<LogMember> {
    this.assertOpen()
    const { group, id } = options
    const key = `${group} ${id}`
    this.#members.get(key)?.fence()
    const parts = {
      context: this.context,
      brokers: this.#brokers,
      wire: this.#wire,
      ended: () => {
        if (this.#members.get(key) === member) this.#members.delete(key)
      },
    }
    const member: BrokerMember = new BrokerMember(parts, group, id)
    this.#members.set(key, member)
    await member.connect()
    return member
  }

  kill(): void {
    this.#wire.die()
    for (const member of this.#members.values()) member.stop()
  }

  cut(ms: number): void {
    this.#wire.cut(ms)
  }

  async compact(topic: string, partition: number): Promise<number> {
    return this.#brokers.store.compact(topic, partition)
  }

  async housekeep(): Promise<void> {
    this.#brokers.store.retain()
  }

  override end(code: 'log_closed' | 'log_crashed'): void {
    super.end(code)
    for (const member of this.#members.values()) {
      member.end(code)
      member.stop()
    }
  }
}
