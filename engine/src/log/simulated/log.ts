/**
 * The simulated log: the event log in memory, with faults on demand.
 *
 * It is the transport of deterministic simulations and of the memory benchmarks. Without a fault plan
 * nothing stands between a call and the store. After a crash (a fault, or `crash()`) everything that
 * was handed out fails with log_crashed, uncommitted things are gone, committed ones are there, and
 * the same log can be joined again as a restarted process would.
 */
import { OpportuneError } from '../../errors.ts'
import type { CommitStep, LogHooks } from '../local/hooks.ts'
import { LocalLog } from '../local/log.ts'
import type { LocalMember } from '../local/member.ts'
import { realScheduler, type Scheduler } from '../local/scheduler.ts'
import type { EventLog, TopicPartition } from '../port.ts'
import { FaultInjector, type FaultPlan, type FaultPoint, type InjectedFault } from './faults.ts'
import { MemoryStore } from './memory-store.ts'

export interface SimulatedLogOptions {
  readonly faults?: FaultPlan
  /** ms since 1970. */
  readonly now?: () => number
  /** Time for waiting polls, slow disks and time limits. Default: real time. */
  readonly scheduler?: Scheduler
  /** Longest delay of `commit:slow`, in ms. Default 2,000. */
  readonly slowMs?: number
  /** Let each commit take an offset of its own, as Kafka's transaction markers do. */
  readonly markers?: boolean
  readonly maxRecordBytes?: number
  readonly revokeMs?: number
  readonly keepPlaceMs?: number
}

export interface SimulatedLog extends EventLog {
  readonly kind: 'simulated'
  /** What was injected so far; `{ replay: log.faults }` is the plan that repeats it. */
  readonly faults: readonly InjectedFault[]
  /** How often the log crashed. */
  readonly crashes: number
  /** Ends the process that uses the log, as far as the log can tell. */
  crash(): void
  compact(topic: string, partition: number): Promise<number>
  /** One pass of retention. */
  housekeep(): Promise<void>
}

export function createSimulatedLog(options: SimulatedLogOptions = {}): SimulatedLog {
  return new MemoryLog(options)
}

class MemoryLog extends LocalLog implements SimulatedLog {
  override readonly kind = 'simulated'
  readonly faults: readonly InjectedFault[]
  readonly #store: MemoryStore
  #crashes = 0

  constructor(options: SimulatedLogOptions) {
    const store = new MemoryStore(options.markers ?? false, options.now ?? Date.now)
    const injector = options.faults === undefined ? undefined : new FaultInjector(options.faults)
    const hooks =
      injector === undefined
        ? undefined
        : new FaultHooks(injector, store, {
            log: () => this,
            scheduler: options.scheduler ?? realScheduler,
            slowMs: options.slowMs ?? 2_000,
          })
    super(store, { ...options, hooks })
    this.#store = store
    this.faults = injector?.injected ?? []
  }

  get crashes(): number {
    return this.#crashes
  }

  crash(): void {
    this.#crashes++
    this.end('log_crashed')
  }

  async compact(topic: string, partition: number): Promise<number> {
    return this.#store.compact(topic, partition)
  }

  async housekeep(): Promise<void> {
    this.#store.retain()
  }
}

interface FaultSurroundings {
  readonly log: () => MemoryLog
  readonly scheduler: Scheduler
  readonly slowMs: number
}

class FaultHooks implements LogHooks {
  readonly #injector: FaultInjector
  readonly #store: MemoryStore
  readonly #surroundings: FaultSurroundings

  constructor(injector: FaultInjector, store: MemoryStore, surroundings: FaultSurroundings) {
    this.#injector = injector
    this.#store = store
    this.#surroundings = surroundings
  }

  begin(member: LocalMember): void {
    this.#crashAt('begin:crash')
    const revoke = this.#injector.at('begin:revoke')
    const asked = revoke === undefined ? undefined : this.#pick(member, revoke)
    if (asked !== undefined) void this.#groupOf(member).takeBack(member, [asked])
  }

  write(member: LocalMember): void {
    this.#crashAt('write:crash')
    this.#loseAt('write:lost', member)
  }

  poll(member: LocalMember): void {
    this.#crashAt('poll:crash')
    this.#loseAt('poll:lost', member)
  }

  async append(step: () => Promise<void>): Promise<void> {
    if (this.#injector.at('append:crash-before') !== undefined) throw this.#crashUnknown()
    await step()
    if (this.#injector.at('append:crash-after') !== undefined) throw this.#crashUnknown()
  }

  async commit(member: LocalMember, step: CommitStep): Promise<void> {
    const injector = this.#injector
    const slow = injector.at('commit:slow')
    if (slow !== undefined) await this.#sleep(slow)
    const aside = injector.at('commit:aside')
    if (aside !== undefined) {
      step.aside()
      await this.#sleep(aside)
    }
    if (injector.at('commit:retriable') !== undefined)
      throw new OpportuneError('log_retriable', 'The simulated log asks for the commit again.')
    if (injector.at('commit:abortable') !== undefined)
      throw new OpportuneError('log_abortable', 'The simulated log refuses the commit.')
    if (injector.at('commit:fenced') !== undefined) this.#groupOf(member).fence(member)
    this.#loseAt('commit:lost', member)
    if (injector.at('commit:torn') !== undefined) {
      this.#store.commitTorn(step.writes)
      throw this.#crashUnknown()
    }
    if (injector.at('commit:crash-before') !== undefined) throw this.#crashUnknown()
    await step.take()
    if (injector.at('commit:crash-after') !== undefined) throw this.#crashUnknown()
  }

  #crashAt(point: FaultPoint): void {
    if (this.#injector.at(point) === undefined) return
    this.#surroundings.log().crash()
    throw new OpportuneError('log_crashed', `The process ended at ${point}.`)
  }

  /** The process ends while the caller waits, so the caller never learns what became of its call. */
  #crashUnknown(): OpportuneError {
    this.#surroundings.log().crash()
    return new OpportuneError('log_commit_unknown', 'The process ended during the commit.')
  }

  #loseAt(point: FaultPoint, member: LocalMember): void {
    const fault = this.#injector.at(point)
    const taken = fault === undefined ? undefined : this.#pick(member, fault)
    if (taken !== undefined) void this.#groupOf(member).lose(member, [taken])
  }

  #pick(member: LocalMember, fault: InjectedFault): TopicPartition | undefined {
    const owned = member.owned()
    return owned[Math.floor(fault.draw * owned.length)]
  }

  #groupOf(member: LocalMember): ReturnType<LocalLog['groupOf']> {
    return this.#surroundings.log().groupOf(member.group)
  }

  #sleep(fault: InjectedFault): Promise<void> {
    const { slowMs } = this.#surroundings
    const ms = Math.ceil(fault.draw * slowMs)
    return new Promise((resolve) => this.#surroundings.scheduler.after(ms, resolve))
  }
}
