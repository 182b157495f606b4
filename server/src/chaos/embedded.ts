/**
 * Chaos on the embedded log: the whole path runs in a child process that is killed with SIGKILL at
 * seeded moments and started again, until it is done. What is then in the topics, in the state and in
 * ClickHouse must equal an undisturbed run. A run that ends before all kills are spent is followed by
 * another one, in a fresh directory.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { compareOutcomes, type Mismatches } from './compare.ts'
import { type Kill, KillPlan } from './kills.ts'
import type { Outcome } from './outcome.ts'
import type { LifeEvent, LifeOptions } from './run.child.ts'
import { writeWorkload } from './workload.ts'

export interface ChaosEmbeddedOptions {
  readonly kills: number
  readonly seed: number
  /** Default 40 customers, 300 events. */
  readonly customers?: number
  readonly events?: number
  /** Default `os`: a process that is killed needs no fsync, and more lives fit into the time. */
  readonly durability?: 'disk' | 'os'
}

export interface ChaosEmbeddedResult {
  readonly kills: number
  readonly lost: number
  readonly duplicated: number
  readonly state_mismatches: number
  readonly analytics_mismatches: number
  /** From the start of a process after a kill until it was up: Node, log, state. */
  readonly worst_recovery_ms: number
  readonly seconds: number
  readonly seed: number
  /** Runs of the workload from the beginning to the end. */
  readonly runs: number
  /** Records of all sink topics of an undisturbed run. */
  readonly outputs: number
  /** Kills by what they hit. */
  readonly hits: Readonly<Record<string, number>>
  /** What went wrong, in words. */
  readonly failures: readonly string[]
}

/** A life that should have come to an end by now hangs. */
const LONGEST_LIFE_MS = 120_000
/** One life in so many loads into ClickHouse while it runs. */
const LOADS = 3

export async function chaosEmbedded(
  options: ChaosEmbeddedOptions,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<ChaosEmbeddedResult> {
  const directory = mkdtempSync(join(tmpdir(), 'opportune-chaos-'))
  try {
    return await new Chaos(directory, options, onProgress).run()
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

interface Ending {
  readonly done: boolean
  readonly readyMs: number | null
  /** What killed it; null: nothing, it came to its end. */
  readonly hit: string | null
  readonly analyticsRestarts: number
  readonly failure: string | null
}

class Chaos {
  readonly #directory: string
  readonly #options: ChaosEmbeddedOptions
  readonly #onProgress: (done: number, total: number) => void
  readonly #plan: KillPlan
  readonly #hits = new Map<string, number>()
  readonly #failures: string[] = []
  readonly #sum: Mismatches = {
    lost: 0,
    duplicated: 0,
    state_mismatches: 0,
    analytics_mismatches: 0,
    examples: [],
  }
  #kills = 0
  #lives = 0
  #worstMs = 0

  constructor(
    directory: string,
    options: ChaosEmbeddedOptions,
    onProgress: (done: number, total: number) => void,
  ) {
    this.#directory = directory
    this.#options = options
    this.#onProgress = onProgress
    this.#plan = new KillPlan(options.seed)
  }

  async run(): Promise<ChaosEmbeddedResult> {
    const started = performance.now()
    const { customers = 40, events = 300, seed, kills } = this.#options
    writeWorkload(join(this.#directory, 'workload'), { customers, events, seed })
    const expected = await this.#undisturbed()
    let runs = 0
    while (this.#kills < kills && this.#failures.length === 0) {
      const actual = await this.#disturbed(`run-${++runs}`)
      if (actual === null) break
      const { examples, ...counts } = compareOutcomes(expected, actual)
      for (const name of Object.keys(counts) as (keyof typeof counts)[])
        this.#sum[name] += counts[name]
      this.#failures.push(...examples)
    }
    const { examples: _, ...sum } = this.#sum
    return {
      kills: this.#kills,
      ...sum,
      worst_recovery_ms: Math.round(this.#worstMs),
      seconds: (performance.now() - started) / 1_000,
      seed,
      runs,
      outputs: Object.values(expected.topics).reduce((all, lines) => all + lines.length, 0),
      hits: Object.fromEntries([...this.#hits].sort(([a], [b]) => (a < b ? -1 : 1))),
      failures: this.#failures,
    }
  }

  async #undisturbed(): Promise<Outcome> {
    const life = this.#life('undisturbed', false)
    const { failure } = await live(life, null)
    if (failure !== null) throw new Error(`the undisturbed run failed: ${failure}`)
    return read(life)
  }

  /** Lives until the workload is done; null where one failed. */
  async #disturbed(name: string): Promise<Outcome | null> {
    for (let life = 0; ; life++) {
      const left = this.#options.kills - this.#kills
      const loads = this.#lives++ % LOADS === 0
      const options = this.#life(name, loads)
      const ending = await live(options, left > 0 ? this.#plan.next(loads) : null)
      if (life > 0) this.#worstMs = Math.max(this.#worstMs, ending.readyMs ?? 0)
      for (let n = 0; n < ending.analyticsRestarts; n++) this.#hit('analytics')
      if (ending.hit !== null) this.#hit(ending.hit)
      if (ending.failure !== null) {
        this.#failures.push(ending.failure)
        return null
      }
      if (ending.done) {
        const outcome = read(options)
        rmSync(options.directory, { recursive: true, force: true })
        return outcome
      }
    }
  }

  #hit(what: string): void {
    this.#hits.set(what, (this.#hits.get(what) ?? 0) + 1)
    this.#onProgress(Math.min(++this.#kills, this.#options.kills), this.#options.kills)
  }

  #life(name: string, analytics: boolean): LifeOptions {
    const directory = join(this.#directory, name)
    mkdirSync(directory, { recursive: true })
    return {
      directory,
      workload: join(this.#directory, 'workload'),
      outcome: join(this.#directory, `${name}.outcome`),
      durability: this.#options.durability ?? 'os',
      analytics,
    }
  }
}

const read = ({ outcome }: LifeOptions): Outcome =>
  JSON.parse(readFileSync(outcome, 'utf8')) as Outcome

/** One process, from its start to its end. */
async function live(options: LifeOptions, kill: Kill | null): Promise<Ending> {
  const crash = kill?.kind === 'analytics' ? { crash: kill.crash } : {}
  const child = spawn(
    process.execPath,
    [...LOADER, CHILD, JSON.stringify({ ...options, ...crash })],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...process.env,
        ...(kill?.kind === 'step' ? { OPPORTUNE_KILL: `${kill.step}:${kill.count}` } : {}),
      },
    },
  )
  const heard = listen(child)
  const timers = [setTimeout(() => child.kill('SIGABRT'), LONGEST_LIFE_MS)]
  if (kill?.kind === 'clock') timers.push(setTimeout(() => child.kill('SIGKILL'), kill.afterMs))
  const signal = await new Promise<NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (_code, by) => resolve(by))
  })
  for (const timer of timers) clearTimeout(timer)
  const killed = signal === 'SIGKILL'
  const { failed, done, readyMs, restarts } = heard
  const silent = `a process ended without a word (${signal ?? 'by itself'})`
  return {
    done: !killed && done && existsSync(options.outcome),
    readyMs,
    hit: killed ? hitOf(kill, readyMs) : null,
    analyticsRestarts: restarts,
    failure: killed || (done && failed === null) ? null : (failed ?? silent),
  }
}

const hitOf = (kill: Kill | null, readyMs: number | null): string => {
  if (kill?.kind === 'step') return `step ${kill.step}`
  return readyMs === null ? 'clock, during the start' : 'clock'
}

interface Heard {
  done: boolean
  failed: string | null
  readyMs: number | null
  restarts: number
}

function listen(child: ChildProcess): Heard {
  const heard: Heard = { done: false, failed: null, readyMs: null, restarts: 0 }
  const started = performance.now()
  if (child.stdout === null) return heard
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = JSON.parse(line) as LifeEvent
    if ('ready' in event) heard.readyMs = performance.now() - started
    else if ('analytics' in event) heard.restarts++
    else if ('failed' in event) heard.failed = event.failed
    else heard.done = true
  })
  return heard
}

const SOURCE = import.meta.url.endsWith('.ts')
const CHILD = fileURLToPath(new URL(`./run.child.${SOURCE ? 'ts' : 'js'}`, import.meta.url))
/** Sources need the loader that runs them; compiled files need nothing. */
const LOADER = SOURCE
  ? ['--conditions=source', '--import', createRequire(import.meta.url).resolve('tsx')]
  : []
