/**
 * Any trace of operations, compared after every step with a model that is obviously right: plain
 * arrays of values per partition and a map of positions.
 */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EpochTransaction } from '../port.ts'
import {
  AT_ONCE,
  at,
  type Joined,
  join,
  type LogUnderTest,
  type MakeLog,
  readAll,
  record,
  topic,
  tp,
  valuesOf,
} from './harness.ts'

const PARTITIONS = 2

type Step =
  | { readonly kind: 'append'; readonly partition: number; readonly count: number }
  | { readonly kind: 'write'; readonly partition: number; readonly count: number }
  | { readonly kind: 'commit' | 'abort' | 'restart' }
  | { readonly kind: 'poll'; readonly maxRecords: number; readonly maxBytes: number }

const partition = fc.nat({ max: PARTITIONS - 1 })
const count = fc.integer({ min: 1, max: 5 })

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), partition, count }),
  fc.record({ kind: fc.constant('write' as const), partition, count }),
  fc.record({ kind: fc.constantFrom('commit' as const, 'abort' as const, 'restart' as const) }),
  fc.record({
    kind: fc.constant('poll' as const),
    maxRecords: fc.integer({ min: 1, max: 6 }),
    maxBytes: fc.integer({ min: 1, max: 60 }),
  }),
)

class Trace {
  readonly #fixture: LogUnderTest
  readonly #visible: string[][] = Array.from({ length: PARTITIONS }, () => [])
  /** Values handed out since the member joined, and how many of those were committed before. */
  readonly #handed: number[] = Array.from({ length: PARTITIONS }, () => 0)
  readonly #committed: number[] = Array.from({ length: PARTITIONS }, () => 0)
  #pending: string[][] = Array.from({ length: PARTITIONS }, () => [])
  #epoch: EpochTransaction | undefined
  #joined: Joined | undefined
  #serial = 0

  constructor(fixture: LogUnderTest) {
    this.#fixture = fixture
  }

  async run(step: Step): Promise<void> {
    if (step.kind === 'append') await this.#append(step.partition, step.count)
    else if (step.kind === 'write') await this.#write(step.partition, step.count)
    else if (step.kind === 'commit') await this.#commit()
    else if (step.kind === 'abort') await this.#abort()
    else if (step.kind === 'poll') await this.#poll(step)
    else await this.#restart()
    for (let p = 0; p < PARTITIONS; p++)
      expect(await readAll(this.#fixture.log, tp('a', p))).toEqual(this.#visible[p])
  }

  async #append(p: number, n: number): Promise<void> {
    const values = this.#values(n)
    const records = values.map((value) => record(value))
    await this.#fixture.log.appender().append('a', p, records)
    this.#visible[p]?.push(...values)
  }

  async #write(p: number, n: number): Promise<void> {
    const values = this.#values(n)
    const epoch = await this.#open()
    const records = values.map((value) => record(value))
    epoch.write('a', p, records)
    this.#pending[p]?.push(...values)
  }

  async #commit(): Promise<void> {
    await (await this.#open()).commit()
    this.#epoch = undefined
    this.#pending.forEach((values, p) => this.#visible[p]?.push(...values))
    this.#pending = this.#pending.map(() => [])
    this.#promised.forEach((handed, p) => {
      this.#committed[p] = handed
    })
  }

  async #abort(): Promise<void> {
    await (await this.#open()).abort()
    this.#epoch = undefined
    this.#pending = this.#pending.map(() => [])
  }

  async #poll(limits: { readonly maxRecords: number; readonly maxBytes: number }): Promise<void> {
    const { member } = await this.#member()
    const batches = await member.poll({ ...AT_ONCE, ...limits })
    let total = 0
    for (const batch of batches) {
      const from = this.#handed[batch.partition] ?? 0
      const expected = this.#visible[batch.partition]?.slice(from, from + batch.length)
      expect(valuesOf(batch)).toEqual(expected)
      this.#handed[batch.partition] = from + batch.length
      total += batch.length
    }
    expect(total).toBeLessThanOrEqual(limits.maxRecords)
    const left = this.#visible.some((values, p) => values.length > (this.#handed[p] ?? 0))
    if (total === 0) expect(left).toBe(false)
  }

  async #restart(): Promise<void> {
    this.#epoch = undefined
    this.#pending = this.#pending.map(() => [])
    this.#joined = undefined
    await this.#member()
  }

  #promised: number[] = []

  async #open(): Promise<EpochTransaction> {
    const { member } = await this.#member()
    if (this.#epoch === undefined) {
      this.#promised = [...this.#handed]
      this.#epoch = member.begin(
        this.#handed.map((handed, p) => at('a', p, member.position(tp('a', p)), `${handed}`)),
      )
    }
    return this.#epoch
  }

  async #member(): Promise<Joined> {
    if (this.#joined !== undefined) return this.#joined
    this.#joined = await join(this.#fixture.log, 'm', ['a'])
    const partitions = Array.from({ length: PARTITIONS }, (_, p) => tp('a', p))
    const committed = await this.#joined.member.committed(partitions)
    partitions.forEach((_, p) => {
      expect(committed.get(`a/${p}`)?.metadata ?? '0').toBe(`${this.#committed[p]}`)
      this.#handed[p] = this.#committed[p] ?? 0
    })
    return this.#joined
  }

  #values(n: number): string[] {
    return Array.from({ length: n }, () => `v${this.#serial++}`.padEnd(10, '.'))
  }
}

export function modelRule(make: MakeLog, numRuns = 40, timeoutMs = 30_000): void {
  test(
    '[L1] [L2] any trace shows the records and positions of a trivial model, after every step',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 25 }), async (steps) => {
          const fixture = await make()
          try {
            await fixture.log.ensureTopics([topic('a', PARTITIONS)])
            const trace = new Trace(fixture)
            for (const step of steps) await trace.run(step)
          } finally {
            await fixture.dispose()
          }
        }),
        { numRuns },
      )
    },
    timeoutMs,
  )
}
