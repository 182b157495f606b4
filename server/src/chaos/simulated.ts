/** Chaos on the simulated log: many seeds of the deterministic simulation, one after the other. */
import { isSound, simulate } from '#engine/testing'

export interface ChaosSimulatedOptions {
  readonly seeds: number
  /** The first one. */
  readonly seed: number
}

export interface ChaosSimulatedResult {
  readonly seeds: number
  readonly first_seed: number
  readonly lost: number
  readonly duplicated: number
  readonly disordered: number
  readonly state_mismatches: number
  /** Sink records of all undisturbed runs. */
  readonly outputs: number
  /** What was done to processes and log, by kind. */
  readonly happened: Readonly<Record<string, number>>
  readonly seconds: number
  readonly failures: readonly {
    readonly seed: number
    readonly replay: string
    readonly what: readonly string[]
  }[]
}

export async function chaosSimulated(
  options: ChaosSimulatedOptions,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<ChaosSimulatedResult> {
  const { seeds, seed: first } = options
  const started = performance.now()
  const sum = { lost: 0, duplicated: 0, disordered: 0, state_mismatches: 0, outputs: 0 }
  const happened: Record<string, number> = {}
  const failures: ChaosSimulatedResult['failures'][number][] = []
  for (let seed = first; seed < first + seeds; seed++) {
    const report = await simulate(seed)
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += report[name]
    for (const [what, count] of Object.entries(report.happened))
      happened[what] = (happened[what] ?? 0) + count
    if (!isSound(report))
      failures.push({
        seed,
        replay: `./bin/opportune chaos --simulated --seeds 1 --seed ${seed} --json`,
        what: report.finding === null ? report.differences : [report.finding],
      })
    onProgress(seed - first + 1, seeds)
  }
  const seconds = (performance.now() - started) / 1_000
  return { seeds, first_seed: first, ...sum, happened, seconds, failures }
}
