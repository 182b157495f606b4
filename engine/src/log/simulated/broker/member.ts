/**
 * A member on simulated brokers. What it owns it knows from the answers to its heartbeats, which may be
 * late or never come: the group may have given its partitions to somebody else long before it hears.
 *
 * Claims, polling and the words to the listener are those of every in-process log (`LocalMember`).
 * Failure: as `LocalMember`; a member whose commit got no answer is at its end (L4).
 */
import { assert, OpportuneError } from '../../../errors.ts'
import type { LocalContext } from '../../local/context.ts'
import { LocalMember } from '../../local/member.ts'
import { type PartitionWrite, requirePartition } from '../../local/store.ts'
import {
  type CommittedPosition,
  type EpochPosition,
  type EpochTransaction,
  type MemberListener,
  partitionKey,
  type TopicPartition,
} from '../../port.ts'
import type { SimulatedBrokers } from './brokers.ts'
import { BrokerEpoch } from './epoch.ts'
import { type Assignment, Expelled, type Identity } from './groups.ts'
import { Producer, Unanswered } from './producer.ts'
import type { Wire } from './wire.ts'

export interface BrokerMemberParts {
  readonly context: LocalContext
  readonly brokers: SimulatedBrokers
  readonly wire: Wire
  readonly ended: () => void
}

const NOBODY = { memberId: '', generation: -1 }

export class BrokerMember extends LocalMember {
  override readonly overlaps: boolean = false
  readonly context: LocalContext
  readonly #parts: BrokerMemberParts
  readonly #producer: Producer
  #topics: readonly string[] = []
  #identity: Pick<Identity, 'memberId' | 'generation'> = NOBODY
  #epoch: BrokerEpoch | undefined
  #unknown = false
  /** What is being claimed or is claimed, by a token of its own. */
  readonly #held = new Map<string, object>()
  readonly #asked = new Set<string>()
  readonly #returned = new Map<string, TopicPartition>()
  #claiming: Promise<void> = Promise.resolve()
  #placed = (): void => {}
  #stopped = false
  #cancelBeat = (): void => {}

  constructor(parts: BrokerMemberParts, group: string, id: string) {
    super(parts.context, { name: group, subscribed: async () => {}, closed: () => {} }, id)
    const { brokers, context } = parts
    this.context = context
    this.#parts = parts
    this.#producer = new Producer({
      name: `${group}.${id}`,
      group,
      transactions: brokers.transactions,
      coordinator: brokers.group(group),
      ask: (what, ms) => this.#ask(what, ms),
      requestMs: brokers.times.requestMs,
      commitMs: brokers.times.commitMs,
      identity: () => ({ id, ...this.#identity }),
      expelled: () => this.#expelled(),
      fenced: () => this.fence(),
      unknown: () => {
        this.#unknown = true
        this.#end()
      },
    })
  }

  /** Fences a former self and takes back what it left open. */
  connect(): Promise<void> {
    return this.#producer.connect()
  }

  override assertAlive(): void {
    if (this.#unknown)
      throw new OpportuneError('log_commit_unknown', 'This member has come to its end.', {
        member: this.id,
      })
    super.assertAlive()
  }

  /** Resolves when the group has given this member its place. */
  override async subscribe(topics: readonly string[], listener: MemberListener): Promise<void> {
    await super.subscribe(topics, listener)
    this.#topics = topics
    if (topics.length === 0) return
    const placed = new Promise<void>((resolve) => {
      this.#placed = resolve
    })
    void this.#beat()
    await placed
  }

  override begin(positions: readonly EpochPosition[]): EpochTransaction {
    this.assertAlive()
    assert(this.#epoch?.spent ?? true, 'a member has one open epoch at a time')
    this.#epoch = new BrokerEpoch(this, positions)
    return this.#epoch
  }

  /** Only stable positions: one that an open transaction would move is waited for. */
  override async committed(
    partitions: readonly TopicPartition[],
  ): Promise<ReadonlyMap<string, CommittedPosition>> {
    this.assertAlive()
    // While our own epoch is open we would wait for ourselves; what we own nobody else moves.
    const own = !(this.#epoch?.spent ?? true)
    await this.#stable(partitions.filter((at) => !own || this.claimOf(at) === undefined))
    return await super.committed(partitions)
  }

  override async close(options: { readonly leave?: boolean } = {}): Promise<void> {
    if (this.#stopped && !this.#unknown) return await super.close()
    await this.#producer.close()
    const { brokers, wire } = this.#parts
    const who = { id: this.id, ...this.#identity }
    if (options.leave === true) void wire.call(() => brokers.group(this.group).leave(who))
    this.#end()
    await super.close()
  }

  /** The same id has come back. */
  fence(): void {
    this.end('log_fenced')
    this.#end()
  }

  /** Ends without a word to anybody: the process is gone, or its log. */
  stop(): void {
    this.#end()
  }

  // --- for epochs

  sendPositions(positions: readonly EpochPosition[]): Promise<void> {
    return this.#producer.sendPositions(positions)
  }

  commitTransaction(writes: readonly PartitionWrite[]): Promise<void> {
    return this.#producer.commit(writes)
  }

  abortTransaction(): Promise<void> {
    return this.#producer.abort()
  }

  // --- the group

  async #beat(): Promise<void> {
    const { brokers } = this.#parts
    const group = brokers.group(this.group)
    const returned = [...this.#returned.values()]
    try {
      if (this.#identity.memberId === '') {
        const memberId = await this.#ask(
          () => group.join(this.id, this.#topics),
          brokers.times.requestMs,
        )
        // A former self may have held them: what is ours is told by the first answer.
        this.#identity = { memberId, generation: -1 }
      }
      const who = { id: this.id, ...this.#identity }
      const answer = await this.#ask(() => group.heartbeat(who, returned), brokers.times.requestMs)
      if (this.#identity.memberId === who.memberId) this.#learn(answer, returned)
    } catch (error) {
      if (error instanceof Expelled) this.#expelled()
      else if (error instanceof OpportuneError && error.code === 'log_fenced') this.fence()
      else if (!(error instanceof Unanswered)) this.fail(error)
    }
    if (this.#stopped) return
    this.#cancelBeat = this.context.scheduler.after(
      brokers.times.heartbeatMs,
      () => void this.#beat(),
    )
  }

  #learn(answer: Assignment, returned: readonly TopicPartition[]): void {
    this.#identity = { ...this.#identity, generation: answer.generation }
    for (const partition of returned) this.#returned.delete(partitionKey(partition))
    const held = new Set(answer.held.map(partitionKey))
    this.#lose(this.owned().filter((at) => !held.has(partitionKey(at))))
    for (const key of this.#held.keys()) if (!held.has(key)) this.#held.delete(key)
    const wanted = answer.wanted.filter((at) => !this.#asked.has(partitionKey(at)))
    if (wanted.length > 0) void this.#giveBack(wanted)
    const leaving = new Set(answer.wanted.map(partitionKey))
    const fresh = answer.held.filter((at) => {
      const key = partitionKey(at)
      return !leaving.has(key) && !this.#held.has(key) && !this.#returned.has(key)
    })
    const placed = answer.complete && leaving.size === 0
    void this.#take(fresh).then(() => {
      if (placed) this.#placed()
    })
  }

  async #take(partitions: readonly TopicPartition[]): Promise<void> {
    if (partitions.length === 0) return
    const tokens = partitions.map((at) => ({ at, token: {} }))
    for (const { at, token } of tokens) this.#held.set(partitionKey(at), token)
    const ours = (): TopicPartition[] =>
      tokens
        .filter(({ at, token }) => this.#held.get(partitionKey(at)) === token)
        .map(({ at }) => at)
    await this.#stable(partitions)
    if (ours().length === 0 || this.#stopped) return
    this.#claiming = this.claim(ours())
    await this.#claiming
  }

  async #giveBack(partitions: readonly TopicPartition[]): Promise<void> {
    const asked = partitions.map((at) => {
      const key = partitionKey(at)
      return { at, key, token: this.#held.get(key) }
    })
    for (const { at, key } of asked) {
      this.#asked.add(key)
      // Not claimed yet, and now it will not be.
      if (this.claimOf(at) === undefined) this.#held.delete(key)
    }
    // The listener hears of a claim before it is asked for it.
    await this.#claiming
    const claimed = partitions.filter((at) => this.claimOf(at) !== undefined)
    const claims = claimed.map((at) => this.claimOf(at))
    const inTime = claimed.length === 0 || (await this.revoke(claimed))
    // Meanwhile they may have been lost, which was told then, and be ours anew.
    const left = claimed.filter((at, i) => this.claimOf(at) === claims[i])
    for (const { at, key, token } of asked) {
      this.#asked.delete(key)
      if (this.#held.has(key) && this.#held.get(key) !== token) continue
      this.#held.delete(key)
      this.#returned.set(key, at)
    }
    if (inTime) this.release(left)
    else this.#lose(left)
  }

  #expelled(): void {
    this.#identity = NOBODY
    this.#held.clear()
    this.#asked.clear()
    this.#returned.clear()
    this.#lose(this.owned())
  }

  #lose(partitions: readonly TopicPartition[]): void {
    if (partitions.length === 0) return
    for (const at of partitions) this.#held.delete(partitionKey(at))
    this.lose(partitions)
    this.#epoch?.forfeit()
  }

  /** Resolves when no open transaction would move one of these. */
  async #stable(partitions: readonly TopicPartition[]): Promise<void> {
    const { brokers, wire } = this.#parts
    if (partitions.length === 0) return
    for (const at of partitions) requirePartition(this.context.store, at.topic, at.partition)
    const undecided = (): boolean =>
      partitions.some((at) => brokers.transactions.undecided(this.group, at))
    for (;;) {
      const waits = await this.#ask(undecided, brokers.times.requestMs).catch(() => true)
      if (!waits || !wire.alive || this.#stopped) return
      await new Promise<void>((resolve) => {
        this.context.scheduler.after(brokers.times.heartbeatMs, resolve)
      })
    }
  }

  #end(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#cancelBeat()
    this.#placed()
    this.#parts.ended()
  }

  /** @throws Unanswered, and whatever the brokers answer with */
  async #ask<T>(what: () => T, ms: number): Promise<T> {
    let cancel = (): void => {}
    const late = new Promise<never>((_, reject) => {
      cancel = this.context.scheduler.after(ms, () => reject(new Unanswered('No answer in time.')))
    })
    try {
      return await Promise.race([this.#parts.wire.call(what), late])
    } finally {
      cancel()
    }
  }
}
