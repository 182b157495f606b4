/**
 * The workers of a chaos run: keeps as many of them running as there should be, knows who owns what, and
 * finds out what every end of a process was due to.
 *
 * A worker that ends by itself is started again, as a supervisor would. That is right only while a fault
 * works on it, and only with an error that says that it may (`MAY_END_WITH`); anything else, and anything
 * at another time, is a failure of the run.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ChaosCluster } from './cluster.ts'
import { SESSION_MS } from './cluster.ts'
import type { Order } from './worker.child.ts'
import { type Exit, type Seen, WorkerProcess } from './worker-process.ts'

export interface FleetOptions {
  readonly cluster: ChaosCluster
  readonly directory: string
  readonly prefix: string
  /** The most that run at a time. */
  readonly workers: number
  readonly partitions: number
  /** Tasks of the topology. */
  readonly tasks: readonly string[]
}

/** Errors after which a worker ends on purpose: the next start learns what is true. */
const MAY_END_WITH: readonly string[] = [
  'log_fenced',
  'log_commit_unknown',
  'log_kafka_unreachable',
  'log_retriable',
  'log_abortable',
]
/** What a fault did to a transaction may come out only when the transaction has timed out. */
const AFTER_MS = 20_000
const BACKOFF_MS = 200
const LOOK_MS = 50
/** Nothing moves where so many looks one after the other find the same, and nothing that waits. */
const LOOKS = 3

interface Place {
  readonly worker: WorkerProcess
  /** Whether it should run. */
  wanted: boolean
  /** A kill by us has been ordered: its end by SIGKILL is no surprise. */
  condemned: boolean
  /** Until when (`performance.now()`) a fault explains that it ends by itself. */
  excusedUntil: number
}

export class Fleet {
  readonly failures: string[] = []
  /** Partitions that went from one worker to another. */
  rebalances = 0
  kills = 0
  /** Ends by themselves, by error code. */
  readonly ends = new Map<string, number>()
  readonly #options: FleetOptions
  readonly #places: readonly Place[]
  readonly #owners = new Map<string, number>()
  #closing = false

  constructor(options: FleetOptions) {
    this.#options = options
    this.#places = Array.from({ length: options.workers }, (_, i) => this.#place(i))
  }

  /** Those that should run. */
  get wanted(): readonly WorkerProcess[] {
    return this.#places.filter((place) => place.wanted).map((place) => place.worker)
  }

  /** @param n taken modulo those that should run */
  pick(n: number): number {
    const running = [...this.#places.keys()].filter((i) => this.#places[i]?.wanted)
    return running[n % running.length] ?? 0
  }

  worker(i: number): WorkerProcess {
    return this.#at(i).worker
  }

  start(i: number, order: Order | null = null): void {
    const place = this.#at(i)
    place.wanted = true
    place.condemned = order?.signal === 'SIGKILL'
    if (!place.worker.runs) place.worker.start(order)
  }

  /** Ends one in order. */
  async retire(i: number): Promise<void> {
    const place = this.#at(i)
    place.wanted = false
    await place.worker.stop()
  }

  order(i: number, order: Order): void {
    const place = this.#at(i)
    if (order.signal === 'SIGKILL') place.condemned = true
    place.worker.order(order)
  }

  /** Takes back what was ordered and has not come. */
  disarm(): void {
    for (const place of this.#places) {
      place.condemned = false
      place.worker.order(null)
    }
  }

  /** It is not started again when it ends. */
  dismiss(i: number): void {
    this.#at(i).wanted = false
  }

  /** Kills it now, unless it has done so itself; it stays away until `start`. */
  async kill(i: number): Promise<void> {
    const place = this.#at(i)
    place.wanted = false
    place.condemned = true
    place.worker.signal('SIGKILL')
    await place.worker.gone
  }

  /** A fault works on these from now on; `over` says when it has ended. */
  excuse(workers: readonly number[]): { over(): void } {
    const set = (until: number): void => {
      for (const i of workers) this.#at(i).excusedUntil = until
    }
    set(Number.POSITIVE_INFINITY)
    return { over: () => set(performance.now() + AFTER_MS) }
  }

  /** Resolves when nothing that was appended waits any more, anywhere. @throws Error after `limitMs` */
  async settled(limitMs: number): Promise<void> {
    const until = performance.now() + limitMs
    let before = ''
    for (let same = 0; same < LOOKS; ) {
      const seen = await this.#look()
      const now =
        seen === null ? '' : JSON.stringify(seen.map(({ owned, epochs }) => [owned, epochs]))
      const still = seen?.every(({ lag }) => lag === 0) === true
      same = still && (same === 0 || now === before) ? same + 1 : 0
      before = now
      if (performance.now() > until) throw new Error(`no rest: ${await this.describe()}`)
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  }

  /** Resolves when every task runs and less than `lag` waits. @throws Error after `limitMs` */
  async recovered(lag: number, limitMs: number): Promise<void> {
    const until = performance.now() + limitMs
    for (;;) {
      const seen = await this.#look()
      if (seen?.every((one) => one.lag !== null)) {
        const waits = seen.reduce((sum, one) => sum + (one.lag ?? 0), 0)
        if (waits < lag) return
      }
      if (performance.now() > until) throw new Error(`no recovery: ${await this.describe()}`)
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  }

  /** Committed state of all tasks. @throws Error where a worker does not say, or two say different things */
  async state(): Promise<Readonly<Record<string, string>>> {
    const state: Record<string, string> = {}
    for (const worker of this.wanted) {
      const file = join(this.#options.directory, 'state.json')
      if (!(await worker.writeState(file))) throw new Error('a worker did not give its state')
      const part = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>
      rmSync(file)
      for (const [key, value] of Object.entries(part)) {
        if (key in state && state[key] !== value) throw new Error(`two workers have ${key}`)
        state[key] = value
      }
    }
    return state
  }

  async close(): Promise<void> {
    this.#closing = true
    await Promise.all(
      this.#places.map(async ({ worker }) => {
        worker.signal('SIGCONT')
        if (worker.runs) await worker.stop()
      }),
    )
  }

  /** For errors: who has what. */
  async describe(): Promise<string> {
    const seen = await Promise.all(
      this.#places.map(async ({ worker, wanted }, i) => {
        const answer = wanted ? await worker.look() : null
        const what = worker.runs ? (worker.frozen ? 'frozen' : 'runs') : 'does not run'
        return `worker ${i} ${what}, owns [${worker.owned.join(' ')}], lag ${answer?.lag ?? 'unknown'}`
      }),
    )
    return seen.join('; ')
  }

  /** Of every worker that should run; null unless all answer and every task has exactly one owner. */
  async #look(): Promise<readonly Seen[] | null> {
    const seen = await Promise.all(this.wanted.map((worker) => worker.look()))
    const all = seen.flatMap((one) => one ?? [])
    if (all.length < seen.length) return null
    const owned = all.flatMap((one) => one.owned)
    const whole = this.#options.tasks.every((task) => owned.includes(task))
    return whole && owned.length === this.#options.tasks.length ? all : null
  }

  #place(i: number): Place {
    const { cluster, directory, prefix, partitions } = this.#options
    const own = join(directory, `worker-${i}`)
    mkdirSync(own, { recursive: true })
    const place: Place = {
      worker: new WorkerProcess(
        {
          directory: own,
          brokers: cluster.behindProxy[i] ?? '',
          prefix,
          instance: `worker-${i}`,
          partitions,
          sessionMs: SESSION_MS,
        },
        { exit: (exit) => this.#ended(i, exit), beat: () => this.#own(i) },
      ),
      wanted: false,
      condemned: false,
      excusedUntil: 0,
    }
    return place
  }

  #at(i: number): Place {
    const place = this.#places[i]
    if (place === undefined) throw new RangeError(`there is no worker ${i}`)
    return place
  }

  #own(i: number): void {
    for (const task of this.#at(i).worker.owned) {
      const before = this.#owners.get(task)
      if (before !== undefined && before !== i) this.rebalances++
      this.#owners.set(task, i)
    }
  }

  #ended(i: number, { signal, exitCode, code, text }: Exit): void {
    const place = this.#at(i)
    if (signal === 'SIGKILL' && place.condemned) {
      this.kills++
      place.condemned = false
    } else if (signal !== null || exitCode !== 0 || (place.wanted && !this.#closing)) {
      const name = code ?? signal ?? `exit ${exitCode}`
      this.ends.set(name, (this.ends.get(name) ?? 0) + 1)
      const excused = performance.now() < place.excusedUntil && MAY_END_WITH.includes(name)
      if (!excused) this.failures.push(`worker ${i} ended by itself: ${name} ${text ?? ''}`)
    }
    if (!place.wanted || this.#closing) return
    setTimeout(() => {
      if (place.wanted && !place.worker.runs && !this.#closing) place.worker.start()
    }, BACKOFF_MS)
  }
}
