/** A worker of a chaos run as its parent sees it: one process at a time, started again under the same name. */
import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { FromWorker, Order, ToWorker, WorkerChildOptions } from './worker.child.ts'

export type Seen = Extract<FromWorker, { readonly kind: 'seen' }>

/** How a process came to its end. */
export interface Exit {
  readonly signal: NodeJS.Signals | null
  readonly exitCode: number | null
  /** What it said before: an error code and the error in words. */
  readonly code: string | null
  readonly text: string | null
}

/** A word from a process that is slow, frozen or cut off is not waited for longer. */
const ANSWER_MS = 8_000
const STOP_MS = 20_000

export class WorkerProcess {
  readonly options: Omit<WorkerChildOptions, 'order'>
  /** Tasks it said it had, the last time that it said something. */
  owned: readonly string[] = []
  /** `performance.now()` of its last word; 0 before the first. */
  heardAt = 0
  ready = false
  readonly #onExit: (exit: Exit) => void
  readonly #onBeat: () => void
  readonly #asked = new Map<number, (answer: FromWorker | null) => void>()
  #child: ChildProcess | undefined
  #gone: Promise<void> = Promise.resolve()
  #ids = 0

  constructor(
    options: Omit<WorkerChildOptions, 'order'>,
    told: { readonly exit: (exit: Exit) => void; readonly beat: () => void },
  ) {
    this.options = options
    this.#onExit = told.exit
    this.#onBeat = told.beat
  }

  get runs(): boolean {
    return this.#child !== undefined
  }

  /** Resolves when the process of now has ended. */
  get gone(): Promise<void> {
    return this.#gone
  }

  start(order: Order | null = null): void {
    const options: WorkerChildOptions = { ...this.options, order }
    const child = fork(CHILD, [JSON.stringify(options)], {
      execArgv: LOADER,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // A commit that waits for the broker holds a thread of the pool (docs/kafka.md).
      env: { ...process.env, UV_THREADPOOL_SIZE: '16' },
    })
    this.#child = child
    let failed: Extract<FromWorker, { readonly kind: 'failed' }> | null = null
    let lastWords = ''
    child.stderr?.on('data', (bytes: Buffer) => {
      lastWords = (lastWords + bytes.toString()).slice(-2_000)
    })
    child.on('message', (message: FromWorker) => {
      if (message.kind === 'failed') failed = message
      else this.#hear(message)
    })
    this.#gone = new Promise((resolve) => {
      child.once('close', (exitCode, signal) => {
        this.#child = undefined
        this.ready = false
        this.owned = []
        for (const answer of this.#asked.values()) answer(null)
        this.#asked.clear()
        const text = failed?.text ?? (lastWords === '' ? null : lastWords)
        resolve()
        this.#onExit({ signal, exitCode, code: failed?.code ?? null, text })
      })
    })
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal)
  }

  order(order: Order | null): void {
    this.#tell({ kind: 'order', order })
  }

  /** Whether the process stands still by a signal. */
  get frozen(): boolean {
    const pid = this.#child?.pid
    if (pid === undefined) return false
    try {
      return / T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/s, ''))
    } catch {
      return false
    }
  }

  /** What it owns and what waits there; null where it does not say. */
  async look(): Promise<Seen | null> {
    const answer = await this.#ask((id) => ({ kind: 'look', id }))
    return answer?.kind === 'seen' ? answer : null
  }

  /** Has it write down its state. @returns whether it did */
  async writeState(file: string): Promise<boolean> {
    return (await this.#ask((id) => ({ kind: 'state', id, file })))?.kind === 'written'
  }

  /** Asks it to end, in order; ends it where it does not. */
  async stop(): Promise<void> {
    this.#tell({ kind: 'stop' })
    const killer = setTimeout(() => this.signal('SIGKILL'), STOP_MS)
    await this.#gone
    clearTimeout(killer)
  }

  #hear(message: FromWorker): void {
    this.heardAt = performance.now()
    if (message.kind === 'ready') this.ready = true
    if (message.kind === 'beat' || message.kind === 'seen') {
      this.owned = message.owned
      this.#onBeat()
    }
    if ('id' in message) {
      this.#asked.get(message.id)?.(message)
      this.#asked.delete(message.id)
    }
  }

  #tell(message: ToWorker): void {
    // Between the end of a process and the word of it a message has nobody to go to.
    if (this.#child?.connected === true) this.#child.send(message, () => {})
  }

  async #ask(question: (id: number) => ToWorker): Promise<FromWorker | null> {
    if (!this.ready) return null
    const id = ++this.#ids
    let timer: NodeJS.Timeout | undefined
    const answer = await new Promise<FromWorker | null>((resolve) => {
      this.#asked.set(id, resolve)
      timer = setTimeout(() => resolve(null), ANSWER_MS)
      this.#tell(question(id))
    })
    clearTimeout(timer)
    this.#asked.delete(id)
    return answer
  }
}

const SOURCE = import.meta.url.endsWith('.ts')
const CHILD = fileURLToPath(new URL(`./worker.child.${SOURCE ? 'ts' : 'js'}`, import.meta.url))
/** Sources need the loader that runs them; compiled files need nothing. */
const LOADER = SOURCE
  ? ['--conditions=source', '--import', createRequire(import.meta.url).resolve('tsx')]
  : []
