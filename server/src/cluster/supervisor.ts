/**
 * `opportune run`: several processes of one machine that share a log on Kafka, each `opportune start`
 * with an instance name and an HTTP door of its own.
 *
 * S1 A worker that ends is started again under its name, with growing pauses; it fences its former self
 *    and finds its partitions reserved for it.
 * S2 One that ends `GIVE_UP` times in a row without ever being ready ends the whole: what stops it will
 *    stop it again, and somebody has to read why.
 * S3 Stopping asks all of them and waits; what does not end by then is killed, which loses nothing
 *    committed.
 * S4 `roll` replaces them one after the other, each when the one before is ready.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { OpportuneError } from '#engine'
import { instanceDirectory } from './node.ts'

export interface SupervisorOptions {
  readonly workers: number
  /** Shared by the workers; their states lie in `instances/` of it. */
  readonly directory: string
  /** Names of workers are this and a number. */
  readonly instance: string
  /** Of the first worker, the others follow; 0: free ones. */
  readonly port: number
  /** Whether the first worker has the duties of the log. */
  readonly duties: boolean
  /** Given to each worker as they are. */
  readonly args: readonly string[]
  readonly out: (line: string) => void
  readonly program?: Program
  /** First pause before a restart, ms. Default 1,000. */
  readonly pauseMs?: number
  /** How long a worker may take to stop, ms. Default 30,000. */
  readonly stopMs?: number
}

/** What a worker is: tests put another program in its place. */
export interface Program {
  readonly file: string
  readonly execArgv: readonly string[]
}

const LONGEST_PAUSE_MS = 30_000
/** A worker that was up this long starts its pauses anew. */
const STABLE_MS = 60_000
const GIVE_UP = 5

export class Supervisor {
  /** Resolves after `stop`, rejects with worker_gave_up. */
  readonly done: Promise<void>
  readonly #workers: readonly Worker[]
  #finish: (error?: unknown) => void = () => {}
  #stopping: Promise<void> | null = null

  constructor(options: SupervisorOptions) {
    this.done = new Promise((resolve, reject) => {
      this.#finish = (error) => (error === undefined ? resolve() : reject(error))
    })
    this.done.catch(() => {})
    this.#workers = Array.from(
      { length: options.workers },
      (_, number) => new Worker(options, number, (error) => void this.#stop(error)),
    )
  }

  start(): void {
    for (const worker of this.#workers) worker.start()
  }

  /** Resolves when each has been ready once. */
  async ready(): Promise<void> {
    await Promise.race([Promise.all(this.#workers.map((worker) => worker.readiness)), this.done])
  }

  stop(): Promise<void> {
    return this.#stop(undefined)
  }

  /** S4. */
  async roll(): Promise<void> {
    for (const worker of this.#workers) {
      if (this.#stopping !== null) return
      await worker.replace()
    }
  }

  #stop(error: unknown): Promise<void> {
    this.#stopping ??= Promise.all(this.#workers.map((worker) => worker.stop())).then(() =>
      this.#finish(error),
    )
    return this.#stopping
  }
}

/** One place: whoever sits there has its name. */
class Worker {
  readiness: Promise<void>
  readonly #options: SupervisorOptions
  readonly #number: number
  readonly #gaveUp: (error: OpportuneError) => void
  #child: ChildProcess | null = null
  #gone: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | null = null
  /** Its present end is wanted. */
  #stopping = false
  /** It is not to be started any more. */
  #ended = false
  /** Ends in a row without having been ready. */
  #failures = 0
  #pause: number
  #isReady: () => void = () => {}

  constructor(options: SupervisorOptions, number: number, gaveUp: (error: OpportuneError) => void) {
    this.#options = options
    this.#number = number
    this.#gaveUp = gaveUp
    this.#pause = options.pauseMs ?? 1_000
    this.readiness = this.#nextReadiness()
  }

  start(): void {
    const { out, program = PROGRAM } = this.#options
    const started = performance.now()
    let ready = false
    const child = fork(program.file, [...this.#args()], {
      execArgv: [...program.execArgv],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      // A group of its own: Ctrl-C asks the supervisor, which asks each worker once.
      detached: true,
      // Every call of the Kafka client that waits for a broker holds a thread of the pool.
      env: { ...process.env, UV_THREADPOOL_SIZE: process.env['UV_THREADPOOL_SIZE'] ?? '16' },
    })
    this.#child = child
    child.stdout?.on('data', (text: Buffer) => {
      for (const line of text.toString('utf8').split('\n'))
        if (line.trim() !== '') out(`${this.#name}: ${line}`)
    })
    child.on('message', (message) => {
      if (message !== 'ready') return
      ready = true
      this.#failures = 0
      this.#isReady()
    })
    this.#gone = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#child = null
        resolve()
        if (!this.#stopping)
          this.#again({
            ready,
            livedMs: performance.now() - started,
            how: signal ?? `code ${code}`,
          })
      })
    })
    child.once('error', (error) => out(`${this.#name}: ${error.message}`))
  }

  /** For good, also where it is being replaced. */
  async stop(): Promise<void> {
    this.#ended = true
    await this.#end()
    // Nobody need wait for it any more.
    this.#isReady()
  }

  async #end(): Promise<void> {
    this.#stopping = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    const child = this.#child
    if (child === null) return
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), this.#options.stopMs ?? 30_000)
    await this.#gone
    clearTimeout(timer)
  }

  async replace(): Promise<void> {
    await this.#end()
    if (this.#ended) return
    this.#stopping = false
    this.readiness = this.#nextReadiness()
    this.start()
    await this.readiness
  }

  #again(end: { readonly ready: boolean; readonly livedMs: number; readonly how: string }): void {
    const { out, pauseMs = 1_000 } = this.#options
    this.#failures = end.ready ? 0 : this.#failures + 1
    if (this.#failures >= GIVE_UP) {
      const what = `${this.#name} ended ${GIVE_UP} times before it was ready, last with ${end.how}.`
      this.#gaveUp(new OpportuneError('worker_gave_up', what, { instance: this.#name }))
      return
    }
    if (end.livedMs > STABLE_MS) this.#pause = pauseMs
    out(`${this.#name} ended with ${end.how}; started again in ${this.#pause / 1_000} s`)
    this.#timer = setTimeout(() => this.start(), this.#pause)
    this.#pause = Math.min(LONGEST_PAUSE_MS, this.#pause * 2)
  }

  #nextReadiness(): Promise<void> {
    return new Promise((resolve) => {
      this.#isReady = resolve
    })
  }

  get #name(): string {
    return `${this.#options.instance}-${this.#number}`
  }

  #args(): readonly string[] {
    const { directory, port, duties, args } = this.#options
    return [
      'start',
      '--log=kafka',
      `--instance=${this.#name}`,
      `--data=${instanceDirectory(directory, this.#name)}`,
      `--shared=${directory}`,
      `--port=${port === 0 ? 0 : port + this.#number}`,
      ...(duties && this.#number === 0 ? [] : ['--no-duties']),
      ...args,
    ]
  }
}

const SOURCE = import.meta.url.endsWith('.ts')

const PROGRAM: Program = {
  file: fileURLToPath(new URL(`../cli.${SOURCE ? 'ts' : 'js'}`, import.meta.url)),
  // Sources need the loader that runs them; compiled files need nothing.
  execArgv: SOURCE
    ? ['--conditions=source', '--import', createRequire(import.meta.url).resolve('tsx')]
    : [],
}
