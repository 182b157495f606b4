/**
 * Deterministic simulation: one seed is one input and one course of events. The input runs once
 * undisturbed in one process and once in each world through everything that can happen there (see
 * `Cluster`), and all must come to the same: every record of every sink topic, in order for each key, and the whole state.
 *
 * What comes out may not depend on offsets: dead letters are compared without theirs.
 */

import type { EventLog, TopicPartition } from '../log/port.ts'
import { type FaultPoint, WIRE_FAULTS } from '../log/simulated/faults.ts'
import { Prng } from '../log/simulated/prng.ts'
import { mergeStored } from '../state/savepoint.ts'
import type { Plan } from '../topology/plan.ts'
import {
  CALM,
  Cluster,
  type ClusterOptions,
  type Disturbance,
  Finding,
} from './simulation-cluster.ts'
import { type Scenario, type SimulationStep, START, shopScenario } from './simulation-shop.ts'
import type { WorldKind } from './simulation-world.ts'

export interface SimulationReport {
  readonly seed: number
  /** Records of the undisturbed run that the disturbed one lacks. */
  readonly lost: number
  /** Records that the disturbed run has more often, or alone. */
  readonly duplicated: number
  /** Keys whose records came in another order. */
  readonly disordered: number
  readonly state_mismatches: number
  /** What a process died of that it should not have, or that it never settled; null: nothing. */
  readonly finding: string | null
  /** The first differences, in words. */
  readonly differences: readonly string[]
  /** Records of all sinks in the undisturbed run. */
  readonly outputs: number
  /** What was done to the processes and the log, by kind. */
  readonly happened: Readonly<Record<string, number>>
}

export const isSound = (report: SimulationReport): boolean =>
  report.finding === null &&
  report.lost + report.duplicated + report.disordered + report.state_mismatches === 0

export interface SimulationOptions {
  readonly scenario?: Scenario
  /** Where it is disturbed; default: on a log in one piece, and on brokers. */
  readonly worlds?: readonly WorldKind[]
  /** Hears everything that happens, in its order. */
  readonly onEvent?: (what: string) => void
}

const WORLDS: readonly WorldKind[] = ['log', 'brokers']

export async function simulate(
  seed: number,
  options: SimulationOptions = {},
): Promise<SimulationReport> {
  const { scenario = shopScenario, worlds = WORLDS } = options
  const steps = scenario.steps(new Prng(seed))
  const prng = new Prng(seed ^ 0x5eed)
  const plan = scenario.topology(1 + prng.below(4)).build()
  const expected = await undisturbed({ scenario, plan }, steps)
  const courses: Course[] = []
  for (const world of worlds) {
    const draw = world === 'log' ? prng : new Prng(seed ^ 0xb0c4)
    courses.push(await disturb({ scenario, plan, expected, steps, world }, draw, options.onEvent))
  }
  const happened: Record<string, number> = {}
  for (const course of courses)
    for (const [what, count] of course.happened) happened[what] = (happened[what] ?? 0) + count
  const sum = (name: Figure): number =>
    courses.reduce((total, { differences }) => total + differences[name], 0)
  return {
    seed,
    lost: sum('lost'),
    duplicated: sum('duplicated'),
    disordered: sum('disordered'),
    state_mismatches: sum('state_mismatches'),
    differences: courses.flatMap(({ differences }) => differences.differences),
    finding: courses.find((course) => course.finding !== null)?.finding ?? null,
    outputs: [...expected.outputs.values()].reduce((total, list) => total + list.length, 0),
    happened: Object.fromEntries(
      Object.entries(happened).sort(([one], [other]) => (one < other ? -1 : 1)),
    ),
  }
}

interface Disturbed extends Place {
  readonly expected: Outcome
  readonly steps: readonly SimulationStep[]
  readonly world: WorldKind
}

/** What became of the input in one world. */
interface Course {
  readonly finding: string | null
  readonly differences: typeof NO_DIFFERENCES
  readonly happened: ReadonlyMap<string, number>
}

type Figure = 'lost' | 'duplicated' | 'disordered' | 'state_mismatches'

async function disturb(
  { scenario, plan, expected, steps, world }: Disturbed,
  prng: Prng,
  onEvent: SimulationOptions['onEvent'],
): Promise<Course> {
  const cluster = new Cluster({
    ...disturbed(plan, prng, world),
    ...(onEvent === undefined ? {} : { onEvent }),
  })
  let finding: string | null = null
  try {
    await run(cluster, steps, prng)
  } catch (error) {
    if (!(error instanceof Finding)) throw error
    finding = `${world}: ${error.message}`
  }
  const differences =
    finding === null
      ? compare(expected, await outcome({ scenario, plan }, cluster))
      : NO_DIFFERENCES
  return { finding, differences, happened: cluster.happenings() }
}

async function undisturbed(place: Place, steps: readonly SimulationStep[]): Promise<Outcome> {
  const cluster = new Cluster({
    plan: place.plan,
    world: 'log',
    ids: ['only'],
    prng: new Prng(1),
    startAt: START,
    disturbance: { ...CALM },
    worker: {},
    state: {},
  })
  for (const step of steps)
    if (step === 'barrier') await cluster.settle()
    else await cluster.append(step.topic, step.records)
  await cluster.settle()
  return outcome(place, cluster)
}

/** Every run is disturbed in ways of its own: few faults or many, of a few kinds or of all. */
function disturbed(plan: Plan, prng: Prng, world: WorldKind): ClusterOptions {
  const rate = [0.002, 0.01, 0.03][prng.below(3)] as number
  const log = world === 'log' ? logFaults(rate, prng) : wireFaults(rate, prng)
  // Nothing is drawn for a world that has no connections: pinned seeds keep their course there.
  const cutting = (): number => (world === 'log' ? 0 : prng.below(3) * 0.02)
  const disturbance: Disturbance = {
    kill: prng.below(3) * rate,
    log,
    stop: prng.below(3) * 0.01,
    usurp: prng.below(3) * 0.01,
    compact: prng.below(3) * 0.02,
    cut: cutting(),
    freeze: cutting(),
  }
  return {
    plan,
    world,
    ids: ['w0', 'w1', 'w2'].slice(0, 1 + prng.below(3)),
    prng,
    startAt: START,
    disturbance,
    worker: {
      slice: { maxRecords: 1 + prng.below(12), maxBytes: 1 << 20 },
      timersPerSlice: 1 + prng.below(6),
      checkpointEveryMs: 1 + prng.below(60),
      readAhead: prng.below(4) > 0,
    },
    state: {
      checkpointSlice: 1 + prng.below(4),
      maxKeys: 2 + prng.below(6),
      checkpointBytes: 2_000,
    },
  }
}

function logFaults(rate: number, prng: Prng): Partial<Record<FaultPoint, number>> {
  const log: Partial<Record<FaultPoint, number>> = {}
  for (const point of POINTS) if (prng.below(3) > 0) log[point] = rate
  // Not a fault as such: it lets two epochs overlap, so that the others meet both.
  log['commit:aside'] = [0, 0.2, 0.8][prng.below(3)] as number
  return log
}

/** An epoch takes a dozen requests and answers, so each of them is disturbed less often. */
function wireFaults(rate: number, prng: Prng): Partial<Record<FaultPoint, number>> {
  const log: Partial<Record<FaultPoint, number>> = {}
  for (const point of WIRE_FAULTS) if (prng.below(3) > 0) log[point] = rate / 3
  return log
}

const POINTS: readonly FaultPoint[] = [
  'begin:crash',
  'begin:revoke',
  'write:crash',
  'write:lost',
  'commit:slow',
  'commit:retriable',
  'commit:abortable',
  'commit:fenced',
  'commit:lost',
  'commit:torn',
  'commit:crash-before',
  'commit:crash-after',
  'append:crash-before',
  'append:crash-after',
  'poll:crash',
  'poll:lost',
]

async function run(cluster: Cluster, steps: readonly SimulationStep[], prng: Prng): Promise<void> {
  for (const step of steps) {
    if (step === 'barrier') {
      await cluster.settle()
      continue
    }
    // In parts, so that the processes are anywhere when the next one comes.
    for (let from = 0; from < step.records.length; ) {
      const to = from + 1 + prng.below(8)
      await cluster.append(step.topic, step.records.slice(from, to))
      from = to
      for (let beats = prng.below(12); beats > 0; beats--) await cluster.beat()
    }
  }
  await cluster.settle()
}

// --- outcomes

interface Outcome {
  /** Values by topic and key (by partition where there is no key), in their order. */
  readonly outputs: ReadonlyMap<string, readonly string[]>
  readonly state: ReadonlyMap<string, string>
}

interface Place {
  readonly scenario: Scenario
  readonly plan: Plan
}

async function outcome({ scenario, plan }: Place, cluster: Cluster): Promise<Outcome> {
  const sinks = new Set(
    plan.stages.flatMap((s) => s.nodes.flatMap((n) => (n.kind === 'sink' ? [n.spec.topic] : []))),
  )
  sinks.add(plan.deadLetters)
  const outputs = new Map<string, string[]>()
  for (const { name, partitions } of plan.topics)
    for (let partition = 0; sinks.has(name) && partition < partitions; partition++)
      for (const { place, text } of scenario.tell(
        name,
        await recordsOf(cluster.log, { topic: name, partition }),
      )) {
        const list = outputs.get(place)
        if (list === undefined) outputs.set(place, [text])
        else list.push(text)
      }
  return { outputs, state: stateOf(cluster) }
}

async function recordsOf(log: EventLog, from: TopicPartition) {
  const records: { key: string | null; value: string }[] = []
  const reader = log.reader()
  for (let offset = 0; ; ) {
    const batch = await reader.read(from, offset, { maxRecords: 1_000, maxBytes: 1 << 20 })
    if (batch === undefined) break
    for (let i = 0; i < batch.length; i++) {
      const key = batch.key(i)
      records.push({
        key: key === null ? null : Buffer.from(key).toString(),
        value: Buffer.from(batch.value(i) ?? []).toString(),
      })
    }
    offset = batch.nextOffset
  }
  await reader.close()
  return records
}

function stateOf(cluster: Cluster): Map<string, string> {
  const state = new Map<string, string>()
  for (const task of cluster.workers.flatMap((worker) => worker.tasks)) {
    state.set(`${task.id} shared`, JSON.stringify([...task.shared]))
    for (const [slot, , key, value] of mergeStored([task.store.stored()]))
      state.set(`${task.stage.id} ${slot} ${key}`, Buffer.from(value).toString('latin1'))
  }
  return state
}

const NO_DIFFERENCES = {
  lost: 0,
  duplicated: 0,
  disordered: 0,
  state_mismatches: 0,
  differences: [] as string[],
}

const MOST_TOLD = 5

function compare(expected: Outcome, actual: Outcome): typeof NO_DIFFERENCES {
  const found = { ...NO_DIFFERENCES, differences: [] as string[] }
  const tell = (place: string, before: unknown, after: unknown): void => {
    if (found.differences.length < MOST_TOLD)
      found.differences.push(`${place}: ${JSON.stringify(before)} became ${JSON.stringify(after)}`)
  }
  for (const place of new Set([...expected.outputs.keys(), ...actual.outputs.keys()])) {
    const [before, after] = [expected.outputs.get(place) ?? [], actual.outputs.get(place) ?? []]
    const lost = missing(before, after)
    const duplicated = missing(after, before)
    const at = [...before, ''].findIndex((value, i) => value !== after[i])
    found.lost += lost
    found.duplicated += duplicated
    if (lost + duplicated === 0 && at < before.length) found.disordered++
    if (lost + duplicated > 0 || at < before.length) tell(`${place} [${at}]`, before[at], after[at])
  }
  for (const key of new Set([...expected.state.keys(), ...actual.state.keys()])) {
    const [before, after] = [expected.state.get(key), actual.state.get(key)]
    if (before === after) continue
    found.state_mismatches++
    tell(`state of ${key}`, before, after)
  }
  return found
}

/** How many of `from` are not in `other`, each counted as often as it is there. */
function missing(from: readonly string[], other: readonly string[]): number {
  const left = new Map<string, number>()
  for (const value of other) left.set(value, (left.get(value) ?? 0) + 1)
  let lacking = 0
  for (const value of from) {
    const count = left.get(value) ?? 0
    if (count === 0) lacking++
    else left.set(value, count - 1)
  }
  return lacking
}
