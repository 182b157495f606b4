/**
 * What tests of workers stand on: a small topology, a log whose faults are armed when the test wants
 * them, disks that outlive the workers, and what everybody can see of it all.
 */
import { expect } from 'vitest'
import { jsonCodec } from '../codec/codec.ts'
import { type ErrorCode, findError, OpportuneError } from '../errors.ts'
import type { Scheduler } from '../log/local/scheduler.ts'
import type { EventLog, LogMember } from '../log/port.ts'
import type { FaultPoint } from '../log/simulated/faults.ts'
import { createSimulatedLog, type SimulatedLog } from '../log/simulated/log.ts'
import { type Operator, operator, output, stateSpec } from '../operator.ts'
import { KeyedState, type MemoryBackend, memoryBackend } from '../state/index.ts'
import type { SinkChain } from '../topology/plan.ts'
import { type Topology, topology } from '../topology/topology.ts'
import { Worker, type WorkerOptions } from './worker.ts'

type Total = readonly [word: string, total: number]
const outputs = { totals: output<Total>() }
const words = jsonCodec<string>()

/** Counts words; `!` is one that it cannot count. */
export const counter: Operator<string, number, typeof outputs> = operator({
  id: 'counter',
  state: stateSpec<number>({ version: 1, initial: 0 }),
  outputs,
  onRecord(word, cx) {
    if (word.startsWith('!')) throw new Error('no word')
    cx.set(cx.get() + 1)
    cx.emit('totals', [word, cx.get()])
  },
})

/** Numbers the records of each partition: a gap or a repeat shows. */
const numbered: SinkChain<Total> = {
  initial: () => 0,
  next: (last, value) => ({
    state: (last as number) + 1,
    bytes: Buffer.from(JSON.stringify([(last as number) + 1, ...value])),
  }),
}

export function counting(
  operators: readonly Operator<string, number, typeof outputs>[] = [counter],
): Topology {
  const t = topology('counting')
  const clock = { kind: 'append', idle: 'hold' } as const
  const keyed = t
    .source<string>('words', { topic: 'arrivals', codec: words, partitions: 2, clock })
    .keyBy('by-word', (word) => word, { codec: words, partitions: 2 })
  for (const each of operators)
    keyed
      .process(each)
      .totals.sink(`${each.id}-totals`, { topic: 'totals', codec: jsonCodec(), chain: numbered })
  return t
}

const TOPICS = ['by-word', 'by-word.changelog', 'counting.sources', 'dead-letters', 'totals']

/** A log whose next faults are what `arm` names, and what processes leave on their disks. */
export class Plant {
  readonly #script: FaultPoint[] = []
  readonly #disks = new Map<string, MemoryBackend>()
  readonly #workers: Worker[] = []
  readonly log: SimulatedLog
  readonly steps: string[] = []

  constructor(scheduler?: Scheduler) {
    const faults = { script: this.#script }
    this.log = createSimulatedLog({
      faults,
      now: () => 0,
      ...(scheduler === undefined ? {} : { scheduler }),
    })
  }

  arm(...points: FaultPoint[]): void {
    this.#script.push(...points)
  }

  worker(options: Partial<WorkerOptions> & { readonly on?: Topology } = {}): Worker {
    const id = options.id ?? 'one'
    const made = new Worker({
      plan: (options.on ?? counting()).build(),
      log: this.log,
      id,
      build: 'test',
      now: () => 0,
      slice: { maxRecords: 100, maxBytes: 1 << 20 },
      // One hop an epoch, so that a test can say what is in which.
      readAhead: false,
      openState: (task, slots) => {
        const backend = this.disk(task, id)
        return {
          backend,
          store: new KeyedState({ slots, backend, drops: options.dropState ?? [] }),
        }
      },
      onStep: (step) => this.steps.push(`${id} ${step}`),
      ...options,
    })
    this.#workers.push(made)
    return made
  }

  async start(options: Parameters<Plant['worker']>[0] = {}): Promise<Worker> {
    const made = this.worker(options)
    await made.start()
    return made
  }

  disk(task: string, worker = 'one'): MemoryBackend {
    const place = `${worker} ${task}`
    const disk = this.#disks.get(place) ?? memoryBackend()
    this.#disks.set(place, disk)
    return disk
  }

  async say(partition: number, ...list: string[]): Promise<void> {
    const appender = this.log.appender()
    const record = (word: string) => ({ key: null, value: Buffer.from(JSON.stringify(word)) })
    await appender.append('arrivals', partition, list.map(record))
    await appender.close()
  }

  /** The values of a topic, partition by partition. */
  async values(topic: string): Promise<string[][]> {
    const spec = (await this.log.topics()).find((it) => it.name === topic)
    const reader = this.log.reader()
    const all: string[][] = []
    for (let partition = 0; partition < (spec?.partitions ?? 0); partition++) {
      const values: string[] = []
      const limits = { maxRecords: 1_000, maxBytes: 1 << 24 }
      for (let offset = 0; ; ) {
        const batch = await reader.read({ topic, partition }, offset, limits)
        if (batch === undefined) break
        for (let i = 0; i < batch.length; i++)
          values.push(Buffer.from(batch.value(i) ?? []).toString('latin1'))
        offset = batch.nextOffset
      }
      all.push(values)
    }
    await reader.close()
    return all
  }

  /** All that an epoch can change, as everybody sees it: what is in the topics, and the positions. */
  async visible(): Promise<unknown> {
    const observer = await this.log.member({ group: 'counting', id: 'observer' })
    const partitions = ['arrivals', 'by-word'].flatMap((topic) =>
      [0, 1].map((partition) => ({ topic, partition })),
    )
    const positions = [...(await observer.committed(partitions))]
    await observer.close({ leave: true })
    return { topics: await Promise.all(TOPICS.map((topic) => this.values(topic))), positions }
  }

  async totals(): Promise<[number, string, number][][]> {
    return (await this.values('totals')).map((list) => list.map((it) => JSON.parse(it)))
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) await worker.stop().catch(() => {})
    await this.log.close()
  }
}

export async function settle(...workers: readonly Worker[]): Promise<void> {
  for (let quiet = 0; quiet < 3; ) {
    const before = workers.reduce((n, it) => n + it.stats.epochs + it.stats.aborts, 0)
    for (const worker of workers) await worker.cycle(0)
    await new Promise((resolve) => setImmediate(resolve))
    const after = workers.reduce((n, it) => n + it.stats.epochs + it.stats.aborts, 0)
    quiet = after === before ? quiet + 1 : 0
  }
}

export async function codeOf(run: Promise<unknown>): Promise<ErrorCode | undefined> {
  try {
    await run
  } catch (error) {
    return findError(error)?.code
  }
  return undefined
}

/** Words enough that both partitions of the inbox get some. */
export const WORDS = ['ash', 'birch', 'cedar', 'elm', 'fir', 'oak']

/** Each word's last total and how many totals were told, over all partitions. */
export function summary(totals: readonly [number, string, number][][]): Record<string, number> {
  const last: Record<string, number> = {}
  for (const list of totals) {
    // The chain of each partition has no gap and no repeat.
    expect(list.map(([n]) => n)).toEqual(list.map((_, i) => i + 1))
    for (const [, word, total] of list) {
      expect(total).toBe((last[word] ?? 0) + 1)
      last[word] = total
    }
  }
  return last
}

export const allAt = (total: number): Record<string, number> =>
  Object.fromEntries(WORDS.map((word) => [word, total]))

export function totalOf(worker: Worker, word: string): unknown {
  for (const partition of [0, 1]) {
    const total = worker.read({ stage: 'by-word', partition, operator: 'counter' }, word)
    if (total !== 0) return total
  }
  return 0
}

/** A log whose commits take place or not, and then fail with an unknown outcome, while `armed`. */
export function doubtful(log: SimulatedLog, takesPlace: boolean) {
  const seen = { armed: false, begun: 0, aborted: 0 }
  const doubt = (member: LogMember): LogMember =>
    new Proxy(member, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name)
        if (name !== 'begin') return typeof value === 'function' ? value.bind(target) : value
        return (...args: Parameters<LogMember['begin']>) => {
          seen.begun++
          const tx = target.begin(...args)
          return {
            write: tx.write.bind(tx),
            abort: async () => {
              seen.aborted++
              await tx.abort()
            },
            commit: async () => {
              if (!seen.armed) return tx.commit()
              if (takesPlace) await tx.commit()
              throw new OpportuneError('log_commit_unknown', 'Nobody answered.')
            },
          }
        }
      },
    })
  const wrapped = new Proxy(log as EventLog, {
    get(target, name) {
      if (name === 'member')
        return async (...args: Parameters<EventLog['member']>) =>
          doubt(await target.member(...args))
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { wrapped, seen }
}

/** Time stands still; `pass` lets what waits happen. */
export function stopped(): Scheduler & { pass(): void } {
  let waiting: { ms: number; run: () => void }[] = []
  return {
    after(ms, run) {
      const timer = { ms, run }
      waiting.push(timer)
      return () => {
        waiting = waiting.filter((it) => it !== timer)
      }
    },
    pass() {
      // The disk's delay is over before any time limit is.
      const first = waiting.toSorted((a, b) => a.ms - b.ms)[0]
      waiting = waiting.filter((it) => it !== first)
      first?.run()
    },
  }
}
