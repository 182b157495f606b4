/**
 * Differential test of the store: random traces of everything a task does to it, against a model of
 * plain maps that copies its whole state at every step; compared after each step. The store runs with
 * room for two keys and four timers, and checkpoints of two changes a slice, so that eviction, spilling
 * and cut-off checkpoints happen all the time.
 *
 * OPPORTUNE_TRACES multiplies the number of traces, OPPORTUNE_SEED repeats a run.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { END, type Millis } from '../time.ts'
import { KeyedState } from './keyed-state.ts'
import { StateEnvironment } from './lmdb-backend.ts'
import { memoryBackend } from './memory-backend.ts'
import type { Change, CheckpointBackend, KeyEntry, SlotSpec, Timer } from './port.ts'
import { type ChangelogBatch, restoreState, usableCheckpoint } from './restore.ts'
import { compareTimers } from './timer-list.ts'

const TTL = 40
const SLOTS: readonly SlotSpec[] = [
  { id: 'count', state: { version: 1, initial: 0 } },
  { id: 'basket', state: { version: 1, initial: null, ttl: TTL } },
]
// Two astral keys and one above the surrogates: their order differs between UTF-8 and UTF-16.
const KEYS = [
  'a',
  'ab',
  'b',
  'c',
  'd\0',
  'd\0e',
  '\u{1f600}',
  '\uffee',
  'zoë',
  '\u{1f680}',
] as const

type Write =
  | { readonly kind: 'set'; readonly slot: number; readonly value: number }
  | { readonly kind: 'clear'; readonly slot: number }
  | { readonly kind: 'arm'; readonly slot: number; readonly name: string; readonly in: number }
  | { readonly kind: 'cancel'; readonly slot: number; readonly name: string }
  | { readonly kind: 'link'; readonly link: string }

type Step =
  | {
      readonly kind: 'record'
      readonly key: number
      readonly after: number
      readonly writes: readonly Write[]
      readonly keep: boolean
    }
  | { readonly kind: 'fire'; readonly limit: number }
  | { readonly kind: 'seal' | 'promote' | 'abort' | 'checkpoint' | 'startCheckpoint' | 'crash' }
  | { readonly kind: 'turns'; readonly count: number }

const slot = fc.nat(SLOTS.length - 1)
const name = fc.constantFrom('x', 'y')
const write: fc.Arbitrary<Write> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('set' as const), slot, value: fc.nat(99) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const), slot }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('arm' as const), slot, name, in: fc.nat(60) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), slot, name }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('link' as const), link: fc.constantFrom('p', 'q') }),
  },
)
const of = <K extends string>(kind: K) => fc.record({ kind: fc.constant(kind) })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('record' as const),
      key: fc.nat(KEYS.length - 1),
      after: fc.nat(8),
      writes: fc.array(write, { maxLength: 5 }),
      keep: fc.nat(3).map((chance) => chance > 0),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('fire' as const), limit: fc.nat(4) }) },
  { weight: 4, arbitrary: of('seal') },
  { weight: 4, arbitrary: of('promote') },
  { weight: 1, arbitrary: of('abort') },
  { weight: 1, arbitrary: of('checkpoint') },
  { weight: 1, arbitrary: of('startCheckpoint') },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('turns' as const), count: fc.nat(3) }) },
  { weight: 1, arbitrary: of('crash') },
)

interface ModelKey {
  readonly values: ({ value: number; at: Millis } | undefined)[]
  timers: Timer[]
  readonly links: string[]
}
type ModelState = Map<string, ModelKey>

/** The store as one would describe it: whole copies, no cache, no log, no index. */
class Model {
  committed: ModelState = new Map()
  sealed: { readonly epoch: number; readonly state: ModelState }[] = []
  current: ModelState = new Map()

  key(key: string): ModelKey {
    let found = this.current.get(key)
    if (found === undefined) {
      found = { values: SLOTS.map(() => undefined), timers: [], links: [] }
      this.current.set(key, found)
    }
    return found
  }

  before(): ModelState {
    return structuredClone(this.sealed.at(-1)?.state ?? this.committed)
  }

  timers(): { readonly key: string; readonly timer: Timer }[] {
    const all: { key: string; timer: Timer }[] = []
    for (const [key, { timers }] of this.current)
      for (const timer of timers) all.push({ key, timer })
    return all.sort(
      (a, b) =>
        a.timer.due - b.timer.due ||
        (a.key < b.key ? -1 : a.key > b.key ? 1 : 0) ||
        compareTimers(a.timer, b.timer),
    )
  }
}

const visible = (state: ModelState, key: string, index: number, now: Millis): unknown => {
  const { initial, ttl } = (SLOTS[index] as SlotSpec).state
  const found = state.get(key)?.values[index]
  return found === undefined || found.at + (ttl ?? END) <= now ? initial : found.value
}

/** Passes everything on until the process it stands for is dead. */
function crashable(backend: CheckpointBackend): CheckpointBackend & { dead: boolean } {
  return {
    dead: false,
    read: (slot, group, key) => backend.read(slot, group, key),
    scan: (after) => backend.scan(after),
    timersAfter: (after, limit) => backend.timersAfter(after, limit),
    async write(slice) {
      if (this.dead) throw new Error('dead')
      await backend.write(slice)
    },
    note: () => backend.note(),
    wipe: () => backend.wipe(),
    get openIterators() {
      return backend.openIterators
    },
    close: () => Promise.resolve(),
  }
}

class Driver {
  readonly model = new Model()
  readonly disk: CheckpointBackend
  backend: ReturnType<typeof crashable>
  store: KeyedState
  /** The first handle of each key, kept for as long as the store lives. */
  readonly handles = new Map<string, KeyEntry>()
  /** What the log holds: committed epochs, with their offsets. */
  readonly changelog: ChangelogBatch[] = []
  readonly sealedChanges = new Map<number, readonly Change[]>()
  running: Promise<void> = Promise.resolve()
  checkpointing = false
  now = 1
  epoch = 1

  constructor(disk: CheckpointBackend) {
    this.disk = disk
    this.backend = crashable(disk)
    this.store = this.open()
  }

  open(): KeyedState {
    return new KeyedState({
      slots: SLOTS,
      backend: this.backend,
      maxKeys: 2,
      maxBytes: 1_000,
      maxTimersInMemory: 4,
      checkpointSlice: 2,
    })
  }

  async run(step: Step): Promise<void> {
    if (step.kind === 'record') this.record(step)
    else if (step.kind === 'fire') this.fire(step.limit)
    else if (step.kind === 'turns') await turns(step.count)
    else if (step.kind === 'seal') this.seal()
    else if (step.kind === 'promote') this.promote()
    else if (step.kind === 'abort') this.abort()
    else if (step.kind === 'crash') await this.crash()
    else {
      this.startCheckpoint()
      if (step.kind === 'checkpoint') await this.running
    }
  }

  record(step: Extract<Step, { kind: 'record' }>): void {
    this.now += step.after
    this.store.setNow(this.now)
    const key = KEYS[step.key] as string
    const before = structuredClone(this.model.current)
    const entry = this.store.entry(key)
    this.store.beginRecord()
    for (const write of step.writes) {
      // Another key in between: with room for two, the first one is evicted while it is in use.
      this.store.get(this.store.entry(KEYS[(step.key + 3) % KEYS.length] as string), 0)
      this.store.get(this.store.entry(KEYS[(step.key + 5) % KEYS.length] as string), 1)
      this.write(entry, this.model.key(key), write)
      this.compareKey(key)
    }
    if (step.keep) this.store.keepRecord()
    else {
      this.store.dropRecord()
      this.model.current = before
    }
  }

  write(entry: ReturnType<KeyedState['entry']>, model: ModelKey, write: Write): void {
    const { store, now } = this
    if (write.kind === 'set') {
      store.set(entry, write.slot, write.value, now)
      model.values[write.slot] = { value: write.value, at: now }
    } else if (write.kind === 'clear') {
      store.clear(entry, write.slot, now)
      model.values[write.slot] = undefined
    } else if (write.kind === 'link') {
      expect(store.takeLink(entry, write.link, now)).toBe(model.links.includes(write.link))
      if (!model.links.includes(write.link)) model.links.push(write.link)
    } else {
      const { slot, name } = write
      model.timers = model.timers.filter((timer) => timer.slot !== slot || timer.name !== name)
      if (write.kind === 'cancel') store.cancelTimer(entry, slot, name)
      else {
        store.setTimer(entry, { slot, name, due: now + write.in })
        model.timers.push({ slot, name, due: now + write.in })
        model.timers.sort(compareTimers)
      }
    }
  }

  fire(limit: number): void {
    for (let n = 0; n < limit; n++) {
      const due = this.compareDue()
      if (due === undefined) return
      this.store.beginRecord()
      this.store.cancelTimer(due.entry, due.timer.slot, due.timer.name)
      this.store.keepRecord()
      this.model.key(due.entry.key).timers.shift()
    }
  }

  seal(): void {
    if (this.model.sealed.length === 2) return
    const sealed = this.store.sealEpoch(this.epoch)
    this.sealedChanges.set(this.epoch, sealed.changes)
    this.model.sealed.push({ epoch: this.epoch, state: structuredClone(this.model.current) })
    this.epoch++
  }

  promote(): void {
    const oldest = this.model.sealed.shift()
    if (oldest === undefined) return
    const changes = this.sealedChanges.get(oldest.epoch) as readonly Change[]
    this.changelog.push({ epoch: oldest.epoch, nextOffset: this.changelog.length + 1, changes })
    this.store.promote(oldest.epoch)
    this.model.committed = oldest.state
  }

  abort(): void {
    this.store.abort(this.epoch)
    const newest = this.model.sealed.pop()
    if (newest !== undefined) this.store.abort(newest.epoch)
    this.model.current = this.model.before()
  }

  startCheckpoint(): void {
    if (this.checkpointing) return
    this.checkpointing = true
    const last = this.changelog.at(-1)
    const note = { epoch: last?.epoch ?? 0, changelogOffset: this.changelog.length, layout: [] }
    this.running = this.store.checkpoint(note).finally(() => {
      this.checkpointing = false
    })
  }

  /** Only the slices written so far and what the log committed are left. */
  async crash(): Promise<void> {
    this.backend.dead = true
    await this.running.catch(() => undefined)
    this.running = Promise.resolve()
    this.backend = crashable(this.disk)
    this.store = this.open()
    this.handles.clear()
    const note = await usableCheckpoint(this.backend, this.changelog.at(-1)?.epoch ?? 0)
    const tail = this.changelog.slice(note?.changelogOffset ?? 0)
    await restoreState({ store: this.store, note, changelog: from(tail), layout: [] })
    this.store.setNow(this.now)
    this.model.sealed = []
    this.model.current = structuredClone(this.model.committed)
    this.epoch = (this.changelog.at(-1)?.epoch ?? 0) + 1
  }

  compareAll(): void {
    for (const key of KEYS) this.compareKey(key)
    for (const index of SLOTS.keys()) this.compareScan(index)
    this.compareDue()
    expect(this.store.earliestDue()).toBeLessThanOrEqual(this.model.timers()[0]?.timer.due ?? END)
    expect(this.store.stats.openIterators + this.backend.openIterators).toBe(0)
    expect(this.store.stats.cachedKeys).toBeLessThanOrEqual(2)
  }

  compareKey(key: string): void {
    const entry = this.handles.get(key) ?? this.store.entry(key)
    this.handles.set(key, entry)
    for (const index of SLOTS.keys()) {
      const { current, committed } = this.model
      expect(this.store.get(entry, index)).toEqual(visible(current, key, index, this.now))
      expect(this.store.committed(key, index)).toEqual(visible(committed, key, index, this.now))
    }
    expect(this.store.timers(entry)).toEqual(this.model.current.get(key)?.timers ?? [])
  }

  compareScan(index: number): void {
    const expected = [...KEYS].filter((key) => {
      const found = this.model.committed.get(key)?.values[index]
      return found !== undefined && found.at + (SLOTS[index]?.state.ttl ?? END) > this.now
    })
    const scanned = new Map(this.store.scan(index))
    expect([...scanned.keys()].sort()).toEqual(expected.sort())
    for (const [key, value] of scanned)
      expect(value).toEqual(visible(this.model.committed, key, index, this.now))
  }

  compareDue(): ReturnType<KeyedState['nextDue']> {
    const first = this.model.timers()[0]
    const due = this.store.nextDue(this.now)
    const expected = first !== undefined && first.timer.due <= this.now ? first : undefined
    expect(due && { key: due.entry.key, timer: due.timer }).toEqual(expected)
    return due
  }
}

async function* from<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve))
}

describe('[K1] [K2] [K3] [K4] [K6] a random life of the store', () => {
  const factor = Number(process.env['OPPORTUNE_TRACES'] ?? 1)
  const seed = process.env['OPPORTUNE_SEED']
  const trace = fc.array(step, { minLength: 5, maxLength: 60 })

  async function live(steps: readonly Step[], disk: CheckpointBackend): Promise<void> {
    const driver = new Driver(disk)
    for (const step of steps) {
      await driver.run(step)
      driver.compareAll()
    }
    await driver.running
    driver.compareAll()
  }

  const runs = (numRuns: number): fc.Parameters<[Step[]]> => ({
    numRuns: numRuns * factor,
    ...(seed === undefined ? {} : { seed: Number(seed) }),
  })

  test('equals the model after every step, in memory', { timeout: 30_000 * factor }, async () => {
    const property = fc.asyncProperty(trace, (steps) => live(steps, memoryBackend()))
    await fc.assert(property, runs(120))
  })

  test('equals the model after every step, on LMDB', { timeout: 30_000 * factor }, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'opportune-trace-'))
    const environment = new StateEnvironment({ directory })
    let task = 0
    const property = fc.asyncProperty(trace, async (steps) => {
      const disk = environment.backend(`task-${task++}`)
      await live(steps, disk)
      await disk.close()
    })
    await fc.assert(property, runs(25))
    await environment.close()
    await rm(directory, { recursive: true })
  })
})
