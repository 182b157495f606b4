/**
 * Which partitions are a worker's, from the moment the log says so until their state is put away.
 *
 * R2 A task starts only when its changelog ends with the epoch that its position was committed with.
 * R5 Partitions that are revoked finish their running epoch first; lost ones drop it.
 *
 * Claims are restored one after the other, and take a while; meanwhile a partition may leave again and
 * even come back. Each claim has a token of its own, and whatever finishes under a token that is not
 * the present one is thrown away. A partition that comes back waits until its state was put away.
 * Failure: what a claim or a release died of is told to `fail`, and stops the worker.
 */
import { findError } from '../errors.ts'
import type { CommittedPosition, LogMember, MemberListener, TopicPartition } from '../log/port.ts'
import { partitionKey } from '../log/port.ts'
import type { Stage } from '../topology/plan.ts'
import type { Checkpoints } from './checkpoints.ts'
import { openRunning, type Running, restoreRunning } from './running.ts'
import type { WorkerOptions } from './worker.ts'

export interface OwnershipHost {
  readonly options: WorkerOptions
  readonly checkpoints: Checkpoints
  readonly member: () => LogMember
  /** Resolves when no epoch runs. */
  readonly betweenEpochs: () => Promise<void>
  /** @param ms how long a task's restore took */
  readonly restored: (ms: number) => void
  readonly fail: (error: unknown) => void
}

interface Claim {
  readonly at: TopicPartition
  readonly token: object
}

export class Ownership implements MemberListener {
  /** The tasks that run, by partition. */
  readonly running = new Map<string, Running>()
  readonly #host: OwnershipHost
  readonly #stages: ReadonlyMap<string, Stage>
  /** The token of each partition that is ours. */
  readonly #owned = new Map<string, object>()
  #changing: Promise<void> = Promise.resolve()
  #closed = false

  constructor(host: OwnershipHost) {
    this.#host = host
    this.#stages = new Map(host.options.plan.stages.map((stage) => [stage.topic, stage]))
  }

  get topics(): readonly string[] {
    return [...this.#stages.keys()]
  }

  /** Resolves when every claim and release so far is dealt with. */
  get settled(): Promise<void> {
    return this.#changing
  }

  owns(running: Running): boolean {
    return this.running.get(partitionKey(running.at)) === running
  }

  /** No claim is taken any more; resolves when what was being restored has been put away. */
  async close(): Promise<void> {
    this.#closed = true
    for (const key of this.#owned.keys()) if (!this.running.has(key)) this.#owned.delete(key)
    await this.#changing
  }

  claimed(partitions: readonly TopicPartition[]): Promise<void> {
    if (this.#closed) return this.#changing
    const claims = partitions.map((at) => ({ at, token: {} }))
    for (const { at, token } of claims) this.#owned.set(partitionKey(at), token)
    this.#changing = this.#changing.then(() => this.#claim(claims)).catch(this.#host.fail)
    return this.#changing
  }

  revoked(partitions: readonly TopicPartition[]): Promise<void> {
    return this.#release(partitions, true)
  }

  lost(partitions: readonly TopicPartition[]): void {
    this.#release(partitions, false).catch(() => {})
  }

  async #claim(claims: readonly Claim[]): Promise<void> {
    const { options } = this.#host
    const member = this.#host.member()
    const positions = await member.committed(claims.map((claim) => claim.at))
    for (const claim of claims) {
      const key = partitionKey(claim.at)
      if (this.#owned.get(key) !== claim.token) continue
      options.onStep?.('claim')
      const started = options.now()
      const running = await this.#restore(claim, positions.get(key))
      if (running === null) continue
      options.onStep?.('restored')
      this.#host.restored(options.now() - started)
      this.running.set(key, running)
      member.seek(claim.at, running.position)
      member.resume([claim.at])
    }
  }

  /** The claimed task at its last commit; null where the partition went to somebody else meanwhile. */
  async #restore(
    { at, token }: Claim,
    committed: CommittedPosition | undefined,
  ): Promise<Running | null> {
    const { options } = this.#host
    const key = partitionKey(at)
    const stage = this.#stages.get(at.topic)
    while (stage !== undefined && this.#owned.get(key) === token) {
      const running = openRunning(stage, at, options)
      try {
        await restoreRunning(running, committed, options)
        if (this.#owned.get(key) === token) return running
        await running.state?.store.close()
      } catch (error) {
        await running.state?.store.close()
        // What the next owner commits meanwhile looks like a contradiction, and is none of ours.
        const now = (await this.#host.member().committed([at])).get(key)
        if (now?.metadata !== committed?.metadata) return null
        if (findError(error)?.class !== 'retriable') throw error
      }
    }
    return null
  }

  /** Gives partitions up. A claim that follows waits until their state is closed. */
  #release(partitions: readonly TopicPartition[], orderly: boolean): Promise<void> {
    const released = this.#letGo(partitions, orderly)
    this.#changing = Promise.all([this.#changing, released])
      .then(() => {})
      .catch(this.#host.fail)
    return released
  }

  async #letGo(partitions: readonly TopicPartition[], orderly: boolean): Promise<void> {
    // All of them at once: lost ones may be claimed again while the first of them is being closed.
    const leaving = partitions.flatMap((at) => this.running.get(partitionKey(at)) ?? [])
    for (const at of partitions) {
      this.#owned.delete(partitionKey(at))
      this.running.delete(partitionKey(at))
    }
    // The epoch that runs may have a slice of them, which it finishes or takes back first.
    await this.#host.betweenEpochs()
    for (const running of leaving) {
      if (orderly) await this.#host.checkpoints.take(running)
      await running.checkpointing?.catch(() => {})
      await running.state?.store.close()
    }
  }
}
