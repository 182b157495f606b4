/**
 * The test driver: a whole topology in one process, on the simulated log, in virtual time.
 *
 * Pipe records in, let it settle, move the clock, crash it, bring it back, read what came out. The
 * clock is the driver's own and refuses to go back.
 */
import { ByteWriter } from '../codec/bytes.ts'
import type { Codec } from '../codec/codec.ts'
import { assert } from '../errors.ts'
import { FrameReader } from '../frame/frame.ts'
import { keyGroup } from '../hash.ts'
import type { OutgoingRecord } from '../log/port.ts'
import {
  createSimulatedLog,
  type SimulatedLog,
  type SimulatedLogOptions,
} from '../log/simulated/log.ts'
import { partitionOf } from '../runtime/partition.ts'
import { CONTROL_KEY } from '../runtime/source-time.ts'
import { Worker, type WorkerOptions } from '../runtime/worker.ts'
import { KeyedState, type MemoryBackend, memoryBackend } from '../state/index.ts'
import type { Millis } from '../time.ts'
import type { Plan } from '../topology/plan.ts'
import type { Topology } from '../topology/topology.ts'

export interface DriverOptions
  extends Pick<WorkerOptions, 'slice' | 'timersPerSlice' | 'tickMs' | 'dropState'> {
  /** The virtual clock's first instant. */
  readonly startAt?: Millis
  readonly log?: Pick<SimulatedLogOptions, 'faults'>
}

export interface Piped {
  /** Append time; the driver's clock where absent. */
  readonly at?: Millis
  readonly partition?: number
}

export class TestDriver {
  readonly plan: Plan
  readonly log: SimulatedLog
  worker: Worker
  now: Millis
  readonly #options: DriverOptions
  readonly #backends = new Map<string, MemoryBackend>()

  private constructor(plan: Plan, options: DriverOptions) {
    this.plan = plan
    this.#options = options
    this.now = options.startAt ?? 0
    this.log = createSimulatedLog({ ...options.log, now: () => this.now })
    this.worker = this.#makeWorker()
  }

  static async start(topology: Topology, options: DriverOptions = {}): Promise<TestDriver> {
    const driver = new TestDriver(topology.build(), options)
    await driver.worker.start()
    return driver
  }

  /** Appends values to a source, as its codec writes them. */
  async pipe(source: string, values: readonly unknown[], where: Piped = {}): Promise<void> {
    const stage = this.plan.stages.find((s) => s.id === source)
    assert(stage !== undefined && stage.entry.kind === 'source', `${source} is a source`)
    const codec = stage.entry.spec.codec
    await this.#append(
      stage.topic,
      values.map((v) => ({ key: null, value: encode(codec, v) })),
      where,
    )
  }

  /** Steers a source: marks, the end of history, the end of the source. */
  async control(source: string, order: object, where: Piped = {}): Promise<void> {
    const stage = this.plan.stages.find((s) => s.id === source)
    assert(stage !== undefined, `${source} is a source`)
    const record = { key: Buffer.from(CONTROL_KEY), value: Buffer.from(JSON.stringify(order)) }
    await this.#append(stage.topic, [record], where)
  }

  async #append(topic: string, records: readonly OutgoingRecord[], where: Piped): Promise<void> {
    const appender = this.log.appender()
    const timestamp = where.at ?? this.now
    await appender.append(
      topic,
      where.partition ?? 0,
      records.map((r) => ({ ...r, timestamp })),
    )
    await appender.close()
  }

  /** Runs cycles until nothing moves any more at the present instant. */
  async settle(limit = 10_000): Promise<void> {
    for (let quiet = 0, n = 0; quiet < 2; n++) {
      assert(n < limit, 'the topology settles')
      const before = this.worker.stats.epochs + this.worker.stats.aborts
      await this.worker.cycle(0)
      quiet = this.worker.stats.epochs + this.worker.stats.aborts === before ? quiet + 1 : 0
    }
  }

  /** Moves the clock on, a tick at a time, letting everything due happen. */
  async advance(to: Millis): Promise<void> {
    assert(to >= this.now, 'the clock does not go back')
    this.now = to
    await this.settle()
  }

  /** Kill -9: memory is gone, the log and checkpoints stay. Then a new start. */
  async crash(): Promise<void> {
    this.log.crash()
    for (const [task, backend] of this.#backends) this.#backends.set(task, backend.crash())
    this.worker = this.#makeWorker()
    await this.worker.start()
  }

  /** A graceful stop, with checkpoints, and a new start. */
  async restart(): Promise<void> {
    await this.worker.stop()
    this.worker = this.#makeWorker()
    await this.worker.start()
  }

  /** Every committed record of a sink topic, decoded, partition by partition. */
  async read<T>(topic: string, codec: Codec<T>): Promise<T[]> {
    return (await this.#values(topic)).map((value) => codec.read(value))
  }

  /** Every record that went into an inbox: key, time and value. */
  async inbox(topic: string): Promise<{ key: string | null; time: Millis; value: unknown }[]> {
    const stage = this.plan.stages.find((s) => s.topic === topic)
    assert(stage !== undefined, `${topic} is an inbox`)
    const records = []
    for (const value of await this.#values(topic)) {
      const frame = new FrameReader(value)
      for (let item = frame.next(); item !== undefined; item = frame.next())
        records.push({
          key: item.key,
          time: item.time,
          value: item.key === null ? null : stage.entry.spec.codec.read(frame.value(item)),
        })
    }
    return records
  }

  /** An operator's committed state of a key. */
  state(stage: string, operator: string, key: string): unknown {
    const found = this.plan.stages.find((s) => s.id === stage)
    assert(found !== undefined, `${stage} is a stage`)
    const partition = partitionOf(keyGroup(key), found.partitions)
    return this.worker.read({ stage, partition, operator }, key)
  }

  async stop(): Promise<void> {
    await this.worker.stop()
    await this.log.close()
  }

  async #values(topic: string): Promise<Buffer[]> {
    const plan = this.plan.topics.find((t) => t.name === topic)
    const reader = this.log.reader()
    const values: Buffer[] = []
    for (let partition = 0; partition < (plan?.partitions ?? 1); partition++)
      for (let offset = 0; ; ) {
        const batch = await reader.read({ topic, partition }, offset, {
          maxRecords: 1_000,
          maxBytes: 1 << 20,
        })
        if (batch === undefined) break
        for (let i = 0; i < batch.length; i++) values.push(Buffer.from(batch.value(i) ?? []))
        offset = batch.nextOffset
      }
    await reader.close()
    return values
  }

  #makeWorker(): Worker {
    return new Worker({
      plan: this.plan,
      log: this.log,
      id: 'driver',
      build: 'test',
      now: () => this.now,
      openState: (task, slots) => {
        const backend = this.#backends.get(task) ?? memoryBackend()
        this.#backends.set(task, backend)
        const drops = this.#options.dropState ?? []
        return { backend, store: new KeyedState({ slots, backend, drops }) }
      },
      tickMs: this.#options.tickMs ?? 1,
      ...(this.#options.slice === undefined ? {} : { slice: this.#options.slice }),
      ...(this.#options.timersPerSlice === undefined
        ? {}
        : { timersPerSlice: this.#options.timersPerSlice }),
      ...(this.#options.dropState === undefined ? {} : { dropState: this.#options.dropState }),
    })
  }
}

function encode(codec: Codec<unknown>, value: unknown): Buffer {
  const out = new ByteWriter(256)
  codec.write(value, out)
  return out.copy()
}
