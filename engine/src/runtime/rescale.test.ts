import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonCodec } from '../codec/codec.ts'
import { findError } from '../errors.ts'
import { type Change, streamJoin, within } from '../joins/index.ts'
import { createSimulatedLog, type SimulatedLog } from '../log/simulated/log.ts'
import { broadcast, operator, output, stateSpec } from '../operator.ts'
import { KeyedState, memoryBackend } from '../state/index.ts'
import { mergeStored } from '../state/savepoint.ts'
import type { Plan, SourceClock } from '../topology/plan.ts'
import { topology } from '../topology/topology.ts'
import { tumbling } from '../windows/assigners.ts'
import { windowOperator } from '../windows/window-operator.ts'
import { rescale } from './rescale.ts'
import { saveTo } from './savepoint.ts'
import { CONTROL_KEY } from './source-time.ts'
import { Worker } from './worker.ts'

interface Item {
  readonly id: number
  readonly key: string
  readonly at: number
}
type Count = Change<number>

const limit = broadcast<number, number>({ id: 'limit', initial: 0, fold: (_old, next) => next })
const KEYS = Array.from({ length: 40 }, (_, n) => `key-${n}`)
const SINKS = ['counts', 'pairs', 'quiet', 'late'] as const

/** Counts under a broadcast limit, and speaks again when a key was quiet for 50 ms. */
const counter = operator({
  id: 'counter',
  state: stateSpec<number>({ version: 1, initial: 0 }),
  outputs: { quiet: output<Count>() },
  broadcasts: [limit],
  onRecord(_item: Item, cx) {
    cx.set(cx.get() + 1)
    cx.setTimer('quiet', cx.time + 50)
  },
  onTimer: (_name, cx) =>
    cx.emit('quiet', { key: `${cx.key} ${cx.now} ${cx.shared(limit)}`, row: cx.get() }),
})

function plan(partitions: number): Plan {
  const t = topology('rescaled')
  const clock: SourceClock = { kind: 'event', disorder: 5, idle: 'hold' }
  const source = (id: string) =>
    t.source<Item>(id, {
      topic: id,
      codec: jsonCodec(),
      partitions: 2,
      clock,
      time: (item) => item.at,
    })
  const sink = <T>(topic: string) => ({ topic, codec: jsonCodec<T>() })
  const [left, right] = [source('left'), source('right')]
  const inbox = t.inbox<Item>('by-key', { codec: jsonCodec(), partitions })
  left.into(inbox, (item) => item.key)
  t.source<number>('limits', {
    topic: 'limits',
    codec: jsonCodec(),
    clock: { kind: 'append', idle: 'hold' },
  }).broadcastTo(inbox, limit, jsonCodec())
  inbox.stream().process(counter).quiet.sink('quiet', sink('quiet'))
  const sums = { initial: 0, add: (n: number, _item: Item) => n + 1 }
  const counts = inbox.stream().process(windowOperator('windows', tumbling({ size: 20 }), sums))
  counts.meta.ignore()
  counts.late.sink('late-windows', sink('late'))
  counts.out.sink('counts', sink('counts'))
  const rows = counts.out.map(({ key, start, value }): Item => ({ id: value, key, at: start }))
  const side = { key: (item: Item) => item.key, codec: jsonCodec<Item>() }
  const how = streamJoin({ reach: within({ before: 30, after: 30 }), keep: 'outer' })
  const pairs = rows.join('pairs-of', right, { left: side, right: side, partitions }, how)
  pairs.out.sink('pairs', sink('pairs'))
  pairs.late.sink('late-pairs', sink('late'))
  return t.build()
}

interface Opening {
  readonly tickMs?: number
  readonly readAhead?: boolean
}

async function open(of: Plan, log: SimulatedLog, opening: Opening = {}): Promise<Worker> {
  const worker = new Worker({
    plan: of,
    log,
    readAhead: opening.readAhead ?? true,
    id: 'w',
    build: 'test',
    now: () => 0,
    tickMs: opening.tickMs ?? 1,
    openState: (_task, slots) => {
      const backend = memoryBackend()
      return { backend, store: new KeyedState({ slots, backend }) }
    },
  })
  await worker.start()
  return worker
}

async function settle(worker: Worker): Promise<void> {
  for (let quiet = 0; quiet < 3; ) {
    const before = worker.stats.epochs
    await worker.cycle(0)
    quiet = worker.stats.epochs === before ? quiet + 1 : 0
  }
}

/** Both sources' records of [from, to) in event time, in both partitions. */
async function feed(log: SimulatedLog, from: number, to: number): Promise<void> {
  const appender = log.appender()
  for (let at = from; at < to; at++)
    for (const topic of ['left', 'right'])
      for (const partition of [0, 1]) {
        const n = at * 7 + partition * 3 + (topic === 'left' ? 0 : 1)
        const item = { id: n, key: KEYS[n % KEYS.length], at: at - (n % 5) }
        await appender.append(topic, partition, [
          { key: null, value: Buffer.from(JSON.stringify(item)), timestamp: at },
        ])
      }
  await appender.close()
}

async function finish(log: SimulatedLog): Promise<void> {
  const appender = log.appender()
  const value = Buffer.from(JSON.stringify({ mark: 5_000 }))
  for (const topic of ['left', 'right'])
    for (const partition of [0, 1])
      await appender.append(topic, partition, [{ key: Buffer.from(CONTROL_KEY), value }])
  await appender.close()
}

async function told(log: SimulatedLog, of: Plan): Promise<Map<string, string[]>> {
  const all = new Map<string, string[]>()
  const reader = log.reader()
  for (const topic of SINKS) {
    const lines: string[] = []
    const partitions = of.topics.find(({ name }) => name === topic)?.partitions ?? 0
    for (let partition = 0; partition < partitions; partition++)
      for (let offset = 0; ; ) {
        const batch = await reader.read({ topic, partition }, offset, {
          maxRecords: 1_000,
          maxBytes: 1 << 20,
        })
        if (batch === undefined) break
        for (let i = 0; i < batch.length; i++)
          lines.push(Buffer.from(batch.value(i) ?? []).toString())
        offset = batch.nextOffset
      }
    all.set(topic, lines.sort())
  }
  await reader.close()
  return all
}

const stateOf = (worker: Worker): Map<string, string> =>
  new Map(
    worker.tasks.flatMap((task) =>
      [...mergeStored([task.store.stored()])].map(
        ([slot, group, key, value]) =>
          [`${task.stage.id} ${slot} ${group} ${key}`, Buffer.from(value).toString('hex')] as const,
      ),
    ),
  )
const sorted = (map: ReadonlyMap<string, string>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1))
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: unknown) => findError(error)?.code,
  )

const BEFORE = 3
let directory = ''
let path = ''
let log: SimulatedLog
/** What came out after the savepoint, and the state at the end, of the run that went on. */
let expected: { readonly out: Map<string, string[]>; readonly state: [string, string][] }

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'opportune-rescale-'))
  path = join(directory, 'savepoint')
  log = createSimulatedLog({ now: () => 0 })
  const of = plan(BEFORE)
  const worker = await open(of, log)
  const limits = log.appender()
  await limits.append('limits', 0, [{ key: null, value: Buffer.from('9'), timestamp: 1 }])
  await limits.close()
  await settle(worker)
  await feed(log, 1_000, 1_090)
  await settle(worker)
  // Not read yet when the savepoint is taken.
  await feed(log, 1_090, 1_120)
  await saveTo(path, { worker, plan: of, log, build: 'test', at: 0 })
  const before = await told(log, of)
  await settle(worker)
  await feed(log, 1_120, 1_200)
  await finish(log)
  await settle(worker)
  const out = await told(log, of)
  for (const [topic, lines] of before)
    for (const line of lines) out.get(topic)?.splice(out.get(topic)?.indexOf(line) ?? 0, 1)
  expected = { out, state: sorted(stateOf(worker)) }
  await worker.stop()
}, 30_000)

afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('a savepoint on another number of partitions', () => {
  test.each([1, 2, 3, 8])(
    '[V3] goes on as the run that was not moved, on %i',
    async (partitions) => {
      const into = createSimulatedLog({ now: () => 0 })
      const of = plan(partitions)
      const restored = await rescale({ path, plan: of, from: log, into, build: 'test' })
      expect(restored.carried).toBeGreaterThan(100)
      expect(restored.stages).toEqual(
        ['by-key', 'pairs-of-sides'].map((stage) => ({
          stage,
          partitions_before: BEFORE,
          partitions,
        })),
      )
      const worker = await open(of, into)
      await settle(worker)
      expect(await told(into, of)).toEqual(expected.out)
      expect(sorted(stateOf(worker))).toEqual(expected.state)
      expect(expected.out.get('late')).toEqual([])
      for (const topic of ['counts', 'pairs', 'quiet'])
        expect(expected.out.get(topic)?.length).toBeGreaterThan(20)
      await worker.stop()
      await into.close()
    },
  )

  test('[V3] state that is more than one epoch of a changelog comes over whole', async () => {
    const wide = createSimulatedLog({ now: () => 0 })
    const worker = await open(plan(2), wide)
    const appender = wide.appender()
    const items = Array.from({ length: 1_500 }, (_, id): Item => ({ id, key: `k${id}`, at: 1_000 }))
    await appender.append(
      'left',
      0,
      items.map((item) => ({ key: null, value: Buffer.from(JSON.stringify(item)) })),
    )
    await appender.close()
    await settle(worker)
    const savepoint = join(directory, 'wide')
    await saveTo(savepoint, { worker, plan: plan(2), log: wide, build: 'test', at: 0 })
    const into = createSimulatedLog({ now: () => 0 })
    const of = plan(1)
    const { entries } = await rescale({
      path: savepoint,
      plan: of,
      from: wide,
      into,
      build: 'test',
    })
    expect(entries).toBeGreaterThan(4_000)
    const restored = await open(of, into)
    expect(sorted(stateOf(restored))).toEqual(sorted(stateOf(worker)))
    await worker.stop()
    await restored.stop()
  })

  test('[V3] time is the latest that a key may have seen, marks the earliest that were told', async () => {
    const skewed = createSimulatedLog({ now: () => 0 })
    const of = plan(4)
    // Marks are told where records go, or once time has moved by 100 ms.
    const worker = await open(of, skewed, { tickMs: 100 })
    await feed(skewed, 1_000, 1_090)
    await settle(worker)
    const appender = skewed.appender()
    for (const topic of ['left', 'right'])
      for (const partition of [0, 1]) {
        const value = Buffer.from(JSON.stringify({ id: 1, key: 'key-1', at: 1_140 }))
        await appender.append(topic, partition, [{ key: null, value }])
      }
    await appender.close()
    await settle(worker)
    const savepoint = join(directory, 'skewed')
    await saveTo(savepoint, { worker, plan: of, log: skewed, build: 'test', at: 0 })
    const tasksOf = (from: Worker, stage: string) =>
      from.tasks.filter((task) => task.stage.id === stage).map((task) => task.committed)
    const before = { keys: tasksOf(worker, 'by-key'), pairs: tasksOf(worker, 'pairs-of-sides') }
    const into = createSimulatedLog({ now: () => 0 })
    await rescale({ path: savepoint, plan: plan(3), from: skewed, into, build: 'test' })
    const restored = await open(plan(3), into, { tickMs: 100 })
    const nows = before.keys.map(({ clock }) => clock.now)
    expect(new Set(nows).size).toBeGreaterThan(1)
    for (const { clock, mark } of tasksOf(restored, 'by-key')) {
      expect(clock.now).toBe(Math.max(...nows))
      expect(mark).toBe(Math.min(...before.keys.map((task) => task.mark)))
    }
    const told = before.pairs.flatMap(({ clock }) =>
      Object.entries(clock.marks).flatMap(([name, mark]) =>
        name.startsWith('by-key/') ? [mark] : [],
      ),
    )
    expect(new Set(told).size).toBeGreaterThan(1)
    for (const { clock } of tasksOf(restored, 'pairs-of-sides'))
      expect(['by-key/0', 'by-key/1', 'by-key/2', 'by-key/3'].map((n) => clock.marks[n])).toEqual([
        ...Array.from({ length: 3 }, () => Math.min(...told)),
        undefined,
      ])
    await worker.stop()
    await restored.stop()
  })

  test('[V4] is refused where records were under way between stages', async () => {
    const busy = createSimulatedLog({ now: () => 0 })
    const of = plan(2)
    // One hop an epoch, or nothing would ever be under way.
    const worker = await open(of, busy, { readAhead: false })
    await feed(busy, 1_000, 1_020)
    await worker.cycle(0)
    const savepoint = join(directory, 'busy')
    await saveTo(savepoint, { worker, plan: of, log: busy, build: 'test', at: 0 })
    const into = createSimulatedLog()
    const options = { path: savepoint, plan: plan(4), from: busy, into, build: 'test' }
    expect(await codeOf(rescale(options))).toBe('savepoint_unsettled')
    expect(await into.topics()).toEqual([])
    await worker.stop()
  })

  test('is refused into a log that has records, and for another topology', async () => {
    const used = createSimulatedLog()
    await used.ensureTopics(plan(4).topics)
    await feed(used, 1, 2)
    const options = { path, plan: plan(4), from: log, into: used, build: 'test' }
    expect(await codeOf(rescale(options))).toBe('savepoint_target_used')
    const other = topology('rescaled')
    other
      .source<Item>('left', {
        topic: 'left',
        codec: jsonCodec(),
        clock: { kind: 'append', idle: 'hold' },
      })
      .ignore()
    const into = createSimulatedLog()
    expect(await codeOf(rescale({ ...options, plan: other.build(), into }))).toBe(
      'savepoint_mismatch',
    )
  })
})
