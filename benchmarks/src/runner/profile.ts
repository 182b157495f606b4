/**
 * Where a record's microseconds go: a sampled profile of one run, its self time added up by part of
 * the engine. Time inside Node (making views, decoding text) counts for the part that called it.
 */
import inspector from 'node:inspector'
import { type EngineRunOptions, prepareEngine } from '../engine/run.ts'
import type { Shares } from './job.ts'

const SAMPLE_MICROSECONDS = 200

/** By the path of the file, first match wins; what matches nothing belongs to its caller. */
const PARTS: readonly (readonly [part: string, path: RegExp])[] = [
  ['reading the event (JSON)', /codec\/(json-|seen-texts)/],
  ['frames between stages, codecs', /engine\/src\/(frame|codec)\//],
  ['windows', /engine\/src\/windows\//],
  ['joins', /engine\/src\/joins\//],
  ['keyed state and timers', /engine\/src\/state\//],
  ['task loop, wiring, outputs', /engine\/src\/(runtime|hash)/],
  ['log', /engine\/src\/log\//],
  ["the query's own code", /benchmarks\/src\/engine\//],
]
const OTHER = 'outside the engine'
const GARBAGE = 'garbage collection'

export async function profileRun(options: EngineRunOptions): Promise<Shares> {
  const prepared = await prepareEngine(options)
  const session = new inspector.Session()
  session.connect()
  try {
    await post(session, 'Profiler.enable')
    await post(session, 'Profiler.setSamplingInterval', { interval: SAMPLE_MICROSECONDS })
    await post(session, 'Profiler.start')
    await prepared.run()
    const { profile } = (await post(session, 'Profiler.stop')) as Stopped
    return shares(profile, options.events)
  } finally {
    session.disconnect()
    await prepared.close()
  }
}

interface Stopped {
  readonly profile: inspector.Profiler.Profile
}

function post(
  session: inspector.Session,
  method: string,
  parameters: object = {},
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    session.post(method, parameters, (error, result) => {
      if (error === null) resolve(result)
      else reject(error)
    })
  })
}

/** Adds up what a profile says. Exported for its test. */
export function shares(profile: inspector.Profiler.Profile, events: number): Shares {
  const selfTime = new Map<number, number>()
  const { samples = [], timeDeltas = [] } = profile
  samples.forEach((node, i) => {
    selfTime.set(node, (selfTime.get(node) ?? 0) + (timeDeltas[i] ?? 0))
  })
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const sums = new Map<string, number>()
  const visit = (id: number, caller: string): void => {
    const node = nodes.get(id)
    if (node === undefined) return
    const part = partOf(node.callFrame) ?? caller
    sums.set(part, (sums.get(part) ?? 0) + (selfTime.get(id) ?? 0))
    for (const child of node.children ?? []) visit(child, part)
  }
  const root = profile.nodes[0]
  if (root !== undefined) visit(root.id, OTHER)
  const sorted = [...sums]
    .filter(([part]) => part !== OTHER)
    .sort(([, a], [, b]) => b - a)
    .map(([part, microseconds]) => [part, round(microseconds / events)] as const)
  return {
    parts: Object.fromEntries(sorted),
    total: round(sorted.reduce((sum, [, n]) => sum + n, 0)),
  }
}

function partOf({ functionName, url }: inspector.Runtime.CallFrame): string | undefined {
  if (functionName === '(garbage collector)') return GARBAGE
  return PARTS.find(([, path]) => path.test(url))?.[0]
}

const round = (microseconds: number): number => Math.round(microseconds * 1_000) / 1_000
