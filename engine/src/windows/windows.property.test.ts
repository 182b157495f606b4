/**
 * Differential tests: after every step of a random trace, what the operator has emitted so far equals
 * what an oracle computes from scratch, from the list of all arrivals and nothing else. The aggregate
 * keeps the ids of its records, so a record lost, doubled or put elsewhere shows.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Operator } from '../operator.ts'
import { drive, type Harness } from '../testing/harness.ts'
import { hopping, type PaneAssigner, type SessionAssigner, session, tumbling } from './assigners.ts'
import { gridOf, type PaneState, panesOf, unitePanes } from './panes.ts'
import { type SessionState, uniteSessions } from './sessions.ts'
import type { WindowOptions, WindowOutputs, WindowResult } from './window.ts'
import { windowOperator } from './window-operator.ts'

type Ids = readonly number[]
const byNumber = (a: number, b: number) => a - b
const ids = {
  initial: [] as Ids,
  add: (acc: Ids, id: number): Ids => [...acc, id].sort(byNumber),
  combine: (a: Ids, b: Ids): Ids => [...a, ...b].sort(byNumber),
}
type Outputs = WindowOutputs<number, Ids>
type Assigner = PaneAssigner | SessionAssigner

function build(assigner: Assigner, options: WindowOptions<Ids>) {
  const op =
    assigner.kind === 'session'
      ? windowOperator('w', assigner, ids, options)
      : windowOperator('w', { ...assigner, kind: 'hopping' }, ids, options)
  return op as Operator<number, PaneState<Ids> | SessionState<Ids>, Outputs>
}
type Driven = Harness<number, PaneState<Ids> | SessionState<Ids>, Outputs>

/** Time passes by `pass`, then, where `back` is given, a record arrives that lies `back` behind it. */
interface Step {
  readonly pass: number
  readonly back: number | null
  readonly key: 'a' | 'u'
}
interface Arrival {
  readonly id: number
  readonly at: number
  readonly now: number
}

const stepsUpTo = (behind: number) =>
  fc.array(
    fc.record({
      pass: fc.oneof(
        fc.constant(0),
        fc.integer({ min: 0, max: 7 }),
        fc.integer({ min: 0, max: 40 }),
      ),
      back: fc.option(fc.integer({ min: -20, max: behind }), { freq: 6 }),
      key: fc.constantFrom('a', 'u'),
    }),
    { maxLength: 40 },
  )
const traces = stepsUpTo(40)

/** What comes to both keys, how long the hand-over takes, what comes to the target afterwards. */
interface HandOver {
  readonly before: readonly Step[]
  readonly delay: number
  readonly after: readonly Step[]
}
const handOvers: fc.Arbitrary<HandOver> = fc.record({
  before: traces,
  delay: fc.constantFrom(0, 0, 5, 30),
  after: traces,
})
/** Without hand-overs the state does not tell what has fired. */
const merges = fc.constantFrom({}, { merge: 'cancel' } as const)
const latenesses = fc.constantFrom(0, 0, 3, 12, 50)
const paneAssigners = fc.oneof(
  fc
    .record({ size: fc.integer({ min: 1, max: 20 }), offset: fc.integer({ min: -9, max: 30 }) })
    .map(tumbling),
  fc
    .record({
      size: fc.integer({ min: 1, max: 20 }),
      slide: fc.integer({ min: 1, max: 20 }),
      offset: fc.integer({ min: -9, max: 30 }),
    })
    .map(({ size, slide, offset }) => hopping({ size, slide: Math.min(size, slide), offset })),
)
const sessionAssigners = fc
  .record({ gap: fc.integer({ min: 1, max: 15 }), inclusive: fc.boolean() })
  .map(session)

/** Results as a downstream table keeps them: `replaces` goes, equal (key, start, end) is overwritten. */
class Table {
  readonly rows = new Map<string, Ids>()

  take(results: readonly WindowResult<Ids>[]): void {
    for (const r of results) {
      for (const gone of r.replaces ?? []) this.rows.delete(rowKey(gone.key, gone.start, gone.end))
      this.rows.set(rowKey(r.key, r.start, r.end), r.value)
    }
  }
}
const rowKey = (key: string, start: number, end: number) => `${key} ${start}-${end}`
const sorted = (rows: ReadonlyMap<string, Ids>) =>
  [...rows].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))

/** Windows of an event time, by trying every start: no arithmetic shared with the operator. */
function windowsOf(by: PaneAssigner, at: number): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = []
  for (let start = at - by.size + 1; start <= at; start++)
    if ((start - by.offset) % by.slide === 0) found.push({ start, end: start + by.size })
  return found
}

function paneOracle(by: PaneAssigner, lateness: number, arrivals: readonly Arrival[], now: number) {
  const rows = new Map<string, Ids>()
  const late: { id: number; lateness: number }[] = []
  for (const r of arrivals) {
    const windows = windowsOf(by, r.at)
    const standing = windows.filter((w) => r.now < w.end + lateness)
    if (standing.length === 0)
      late.push({ id: r.id, lateness: r.now - Math.max(...windows.map((w) => w.end)) })
    for (const w of standing) {
      const row = rowKey('u', w.start, w.end)
      if (w.end <= now) rows.set(row, [...(rows.get(row) ?? []), r.id])
    }
  }
  return { rows, late }
}

/** Sorts and cuts at gaps; `ids` in order of arrival. */
function cluster(by: SessionAssigner, records: readonly Arrival[]) {
  const clusters: { start: number; last: number; ids: number[] }[] = []
  for (const r of [...records].sort((x, y) => x.at - y.at)) {
    const current = clusters.at(-1)
    const distance = r.at - (current?.last ?? Number.NEGATIVE_INFINITY)
    if (current !== undefined && (by.inclusive ? distance <= by.gap : distance < by.gap)) {
      current.last = r.at
      current.ids.push(r.id)
    } else clusters.push({ start: r.at, last: r.at, ids: [r.id] })
  }
  return clusters.map((c) => ({
    ...c,
    ids: c.ids.sort(byNumber),
    end: c.last + by.gap,
    closes: c.last + by.gap + (by.inclusive ? 1 : 0),
  }))
}

/** Keeps the arrivals of sessions that have not expired, and cuts them anew at every step. */
class SessionOracle {
  rows = new Map<string, Ids>()
  readonly late: { id: number; lateness: number }[] = []
  private open: Arrival[] = []
  private readonly by: SessionAssigner
  private readonly lateness: number

  constructor(by: SessionAssigner, lateness: number) {
    this.by = by
    this.lateness = lateness
  }

  tick(now: number): void {
    const clusters = cluster(this.by, this.open)
    const openIds = new Set(clusters.flatMap((c) => c.ids))
    // Results of expired sessions stand for ever; of open ones until their session fires anew (W9).
    const waiting = new Set(clusters.filter((c) => c.closes > now).flatMap((c) => c.ids))
    const next = new Map(
      [...this.rows].filter(([, row]) => row.every((id) => !openIds.has(id) || waiting.has(id))),
    )
    for (const c of clusters) if (c.closes <= now) next.set(rowKey('u', c.start, c.end), c.ids)
    this.rows = next
    const expired = new Set(
      clusters.filter((c) => c.closes + this.lateness <= now).flatMap((c) => c.ids),
    )
    this.open = this.open.filter((r) => !expired.has(r.id))
  }

  arrive(record: Arrival): void {
    const alone = cluster(this.by, [record])[0]?.closes ?? 0
    const withOthers = cluster(this.by, [...this.open, record])
    const joins = withOthers.some((c) => c.ids.length > 1 && c.ids.includes(record.id))
    if (!joins && alone + this.lateness <= record.now)
      this.late.push({ id: record.id, lateness: record.now - alone })
    else this.open.push(record)
  }
}

/** Runs a trace on one key and calls `check` after every step. */
function run(
  h: Driven,
  steps: readonly Step[],
  check: (now: number, arrival: Arrival | undefined) => void,
): number {
  let now = 1_000
  let id = 0
  for (const step of steps) {
    now += step.pass
    const arrival = step.back === null ? undefined : { id: id++, at: now - step.back, now }
    if (arrival === undefined) h.advanceTo(now)
    else h.record('u', arrival.id, arrival)
    check(now, arrival)
  }
  h.advanceTo(now + 1_000)
  check(now + 1_000, undefined)
  return now + 1_000
}

const takeLate = (h: Driven) => h.take('late').map((l) => ({ id: l.value, lateness: l.lateness }))

describe('tumbling and hopping', () => {
  test('[W1] [W2] [W3] [W4] [W5] [W6] [SYS-3] after every step, results are those recomputed from scratch', () => {
    fc.assert(
      fc.property(paneAssigners, latenesses, merges, traces, (by, lateness, merge, steps) => {
        const h = drive(build(by, { lateness, ...merge }))
        const table = new Table()
        const arrivals: Arrival[] = []
        const late: { id: number; lateness: number }[] = []
        run(h, steps, (now, arrival) => {
          if (arrival !== undefined) arrivals.push(arrival)
          table.take(h.take('out'))
          late.push(...takeLate(h))
          const oracle = paneOracle(by, lateness, arrivals, now)
          expect(sorted(table.rows)).toEqual(sorted(oracle.rows))
          expect(late).toEqual(oracle.late)
          expect(h.timers('u').length).toBe(h.keys().length)
          for (const pane of panesOf(h.state('u') as PaneState<Ids>))
            expect(
              Math.max(...windowsOf(by, pane.start).map((w) => w.end + lateness)),
            ).toBeGreaterThan(now)
        })
        expect(h.keys()).toEqual([])
      }),
      { numRuns: 250 },
    )
  })

  test('[W12] over a hand-over at any moment, each record is in one result of each of its windows', () => {
    fc.assert(
      fc.property(paneAssigners, latenesses, handOvers, (by, lateness, journey) => {
        const outcome = handOver(by, lateness, journey)
        const oracle = paneOracle(by, lateness, outcome.arrivals, outcome.now)
        const united = new Map<string, Ids>()
        for (const [row, value] of outcome.rows) {
          const window = row.replace(/^[au]/, 'u')
          united.set(window, ids.combine(united.get(window) ?? [], value))
        }
        expect(sorted(united)).toEqual(sorted(oracle.rows))
        expect(outcome.late).toEqual(oracle.late.map((l) => l.id))
        expect(outcome.left).toEqual([])
      }),
      { numRuns: 150 },
    )
  })

  test('[W12] the union of panes is commutative and associative', () => {
    fc.assert(
      fc.property(
        paneAssigners,
        latenesses,
        fc.array(traces, { minLength: 3, maxLength: 3 }),
        (by, lateness, three) => {
          const [a, b, c] = statesOf(by, lateness, three) as PaneState<Ids>[]
          const rules = { grid: gridOf(by, lateness), initial: ids.initial, combine: ids.combine }
          const at = 1_060
          const join = (x?: PaneState<Ids>, y?: PaneState<Ids>) =>
            unitePanes(rules, x as PaneState<Ids>, y as PaneState<Ids>, at)
          expect(join(a, b)).toEqual(join(b, a))
          expect(join(join(a, b), c)).toEqual(join(a, join(b, c)))
        },
      ),
      { numRuns: 150 },
    )
  })
})

describe('sessions', () => {
  test('[W5] [W7] [W8] [W9] [W10] after every step, results are those recomputed from scratch', () => {
    fc.assert(
      fc.property(sessionAssigners, latenesses, traces, (by, lateness, steps) => {
        const h = drive(build(by, { lateness }))
        const table = new Table()
        const oracle = new SessionOracle(by, lateness)
        const late: { id: number; lateness: number }[] = []
        run(h, steps, (now, arrival) => {
          oracle.tick(now)
          if (arrival !== undefined) oracle.arrive(arrival)
          oracle.tick(now)
          table.take(h.take('out'))
          late.push(...takeLate(h))
          expect(sorted(table.rows)).toEqual(sorted(oracle.rows))
          expect(late).toEqual(oracle.late)
          expect(h.timers('u').length).toBe(h.keys().length)
        })
        expect(h.keys()).toEqual([])
      }),
      { numRuns: 250 },
    )
  })

  test('[W7] while no record is behind task time, sessions are the records sorted and cut at gaps', () => {
    fc.assert(
      fc.property(sessionAssigners, stepsUpTo(0), (by, steps) => {
        const h = drive(build(by, {}))
        const arrivals: Arrival[] = []
        run(h, steps, (_, arrival) => void (arrival && arrivals.push(arrival)))
        const expected = cluster(by, arrivals).map((c) => ({
          key: 'u',
          start: c.start,
          end: c.end,
          value: c.ids,
        }))
        expect(h.take('out')).toEqual(expected)
        expect(h.take('late')).toEqual([])
      }),
      { numRuns: 150 },
    )
  })

  test('[W13] over a hand-over at any moment, each record is in exactly one standing result', () => {
    fc.assert(
      fc.property(sessionAssigners, latenesses, handOvers, (by, lateness, journey) => {
        const outcome = handOver(by, lateness, journey)
        const standing = [...outcome.rows.values()].flat().sort(byNumber)
        const taken = outcome.arrivals.map((r) => r.id).filter((id) => !outcome.late.includes(id))
        expect(standing).toEqual(taken.sort(byNumber))
        expect(outcome.left).toEqual([])
      }),
      { numRuns: 150 },
    )
  })

  test('[W13] the union of sessions is commutative and associative', () => {
    fc.assert(
      fc.property(
        sessionAssigners,
        latenesses,
        fc.array(traces, { minLength: 3, maxLength: 3 }),
        (by, lateness, three) => {
          const [a, b, c] = statesOf(by, lateness, three) as SessionState<Ids>[]
          const join = (x?: SessionState<Ids>, y?: SessionState<Ids>) =>
            uniteSessions(by, x as SessionState<Ids>, y as SessionState<Ids>, ids.combine)
          expect(join(a, b)).toEqual(join(b, a))
          expect(join(join(a, b), c)).toEqual(join(a, join(b, c)))
        },
      ),
      { numRuns: 150 },
    )
  })
})

describe('all windows', () => {
  const assigners = fc.oneof<fc.Arbitrary<Assigner>[]>(paneAssigners, sessionAssigners)

  test('[W16] moving time more often, or asking for meta, changes nothing that is emitted', () => {
    fc.assert(
      fc.property(assigners, latenesses, traces, (by, lateness, steps) => {
        const plain = drive(build(by, { lateness }))
        run(plain, steps, () => {})
        const busy = drive(build(by, { lateness, meta: true }))
        run(
          busy,
          steps.flatMap((s) => [
            ...Array.from({ length: s.pass }, () => ({ ...s, pass: 1, back: null })),
            { ...s, pass: 0 },
          ]),
          () => {},
        )
        const results = (h: Driven) => h.take().filter((o) => o.name !== 'meta')
        expect(results(busy)).toEqual(results(plain))
      }),
      { numRuns: 120 },
    )
  })

  test('[W11] meta: what opens ends once; fired and refined are the results, one for one', () => {
    fc.assert(
      fc.property(assigners, latenesses, traces, (by, lateness, steps) => {
        const h = drive(build(by, { lateness, meta: true }))
        run(h, steps, () => {})
        const meta = h.take('meta')
        const counts = { opened: 0, fired: 0, refined: 0, merged: 0, expired: 0 }
        for (const m of meta) counts[m.kind]++
        expect(counts.merged + counts.expired).toBe(counts.opened)
        const told = meta.filter((m) => m.kind === 'fired' || m.kind === 'refined')
        expect(told.map((m) => [m.start, m.end, m.count])).toEqual(
          h.take('out').map((o) => [o.start, o.end, o.value.length]),
        )
        if (by.kind !== 'session') expect(counts.fired).toBe(counts.opened)
      }),
      { numRuns: 120 },
    )
  })
})

describe('retractions', () => {
  const assigners = fc.oneof<fc.Arbitrary<Assigner>[]>(paneAssigners, sessionAssigners)

  test('[W17] after every step, what was put out less what was taken back are the standing results', () => {
    fc.assert(
      fc.property(assigners, latenesses, traces, (by, lateness, steps) => {
        const h = drive(build(by, { lateness, retract: true }))
        const plain = drive(build(by, { lateness }))
        const results: WindowResult<Ids>[] = []
        const table = new Table()
        const bag = new Map<string, number>()
        run(h, steps, (now, arrival) => {
          if (arrival === undefined) plain.advanceTo(now)
          else plain.record('u', arrival.id, arrival)
          for (const { name, value } of h.take()) {
            if (name === 'late') continue
            const { key, start, end, value: row } = value as WindowResult<Ids>
            const result = `${rowKey(key, start, end)}: ${row.join()}`
            const standing = bag.get(result) ?? 0
            if (name === 'out') {
              results.push(value as WindowResult<Ids>)
              bag.set(result, standing + 1)
              continue
            }
            // Nothing is taken back that was not put out, as it was put out, and nothing twice.
            expect(standing).toBe(1)
            bag.delete(result)
          }
          const emitted = plain.take('out')
          table.take(emitted)
          expect(results.splice(0)).toEqual(emitted)
          const rows = [...table.rows].map(
            ([row, value]) => [`${row}: ${value.join()}`, 1] as const,
          )
          expect(bag).toEqual(new Map(rows))
        })
      }),
      { numRuns: 250 },
    )
  })
})

/** Two keys take a trace each at once, `a` is handed over to `u`, which takes a second trace. */
function handOver(by: Assigner, lateness: number, journey: HandOver) {
  const { before, after, delay } = journey
  const giver = drive(build(by, { lateness }))
  const target = drive(build(by, { lateness }))
  const table = new Table()
  const arrivals: Arrival[] = []
  let now = 1_000
  const step = (s: Step, id: number, h: Driven, key: string) => {
    if (s.back === null) return
    h.record(key, id, { at: now - s.back, now })
    arrivals.push({ id, at: now - s.back, now })
  }
  before.forEach((s, id) => {
    now += s.pass
    giver.advanceTo(now)
    target.advanceTo(now)
    step(s, id, s.key === 'a' ? giver : target, s.key)
  })
  table.take([...giver.take('out'), ...target.take('out')])
  // On its way the state has no timers: nobody fires what ends meanwhile.
  now += delay
  if (giver.keys().length > 0) target.setState('a', giver.state('a'))
  target.advanceTo(now).mergeInto('u', 'a', 'a>u')
  after.forEach((s, i) => {
    now += s.pass
    step(s, before.length + i, target, 'u')
  })
  target.advanceTo(now + 1_000)
  table.take(target.take('out'))
  const late = [...giver.take('late'), ...target.take('late')].map((l) => l.value).sort(byNumber)
  return { rows: table.rows, late, arrivals, now: now + 1_000, left: target.keys() }
}

/** States of three keys in the middle of a trace; task time at most 1,050. */
function statesOf(by: Assigner, lateness: number, three: readonly (readonly Step[])[]) {
  return three.map((steps) => {
    const h = drive(build(by, { lateness }))
    let now = 1_000
    steps.forEach((s, id) => {
      now = Math.min(now + s.pass, 1_050)
      if (s.back !== null) h.record('k', id, { at: now - s.back, now })
    })
    return h.state('k')
  })
}
