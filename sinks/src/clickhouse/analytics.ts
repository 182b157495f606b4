/**
 * Analytics as the rest of the product sees it: ask, wait until loaded, know how it stands. Owns the
 * child process that does the work, and starts it again with growing pauses when it dies.
 *
 * A1 While the child is away, queries are refused at once with `analytics_unavailable`; nothing is
 *    queued for it and the stream does not notice.
 * A2 A child that cannot work until somebody acts (a migration that was changed, a log that was
 *    replaced) is not started again; `health` says why.
 * A3 A query that was open when the child died is refused, never asked again.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { assert, ERRORS, type ErrorCode, OpportuneError } from '#engine'
import type { Answer } from './connect.ts'
import type { AnalyticsSettings, Failure, FromChild, LoadStatus, ToChild } from './protocol.ts'

export interface AnalyticsHealth {
  /**
   * `starting`: never up so far. `ready`. `restarting`: it died and comes back by itself. `refused`:
   * it waits for somebody to act. `stopped`.
   */
  readonly state: 'starting' | 'ready' | 'restarting' | 'refused' | 'stopped'
  /** Why it is not ready, or what loading is waiting for. */
  readonly reason: string | null
  readonly restarts: number
  /** As last told by the process; null before the first word. */
  readonly loading: LoadStatus | null
}

export interface Analytics {
  /**
   * Asks one reading statement, with `{name:Type}` parameters.
   * @throws analytics_unavailable, analytics_query_refused, analytics_query_failed
   */
  query(sql: string, params?: Readonly<Record<string, unknown>>): Promise<Answer>
  /**
   * The same as an uncompressed Arrow file, all of it: where the answer has more rows or bytes than a
   * query may return, there is none.
   * @throws as `query` does
   */
  arrow(sql: string, params?: Readonly<Record<string, unknown>>): Promise<Uint8Array>
  /** Records that the log has and the tables lack, as last told; null: not known. */
  lag(): number | null
  health(): AnalyticsHealth
  /** Resolves once the child answers, rejects if it is refused. */
  ready(): Promise<void>
  /** Everything that was committed to the log before the call is in the tables. */
  flush(): Promise<void>
  stop(): Promise<void>
}

const FIRST_PAUSE = 250
const LONGEST_PAUSE = 10_000
/** A child that lived this long starts its pauses anew. */
const STABLE_MS = 60_000
const MAX_OPEN = 256
const STOP_MS = 10_000
/** Characters kept of what the process wrote to its standard error, for the reason of its end. */
const LAST_WORDS = 500

export function startAnalytics(settings: AnalyticsSettings): Analytics {
  const supervisor = new Supervisor(settings)
  supervisor.start()
  return supervisor
}

interface Pending {
  readonly resolve: (answer: Answer | Uint8Array | undefined) => void
  readonly reject: (error: OpportuneError) => void
}

class Supervisor implements Analytics {
  readonly #settings: AnalyticsSettings
  readonly #pending = new Map<number, Pending>()
  readonly #waiting: { resolve: () => void; reject: (error: OpportuneError) => void }[] = []
  #child: ChildProcess | undefined
  #state: AnalyticsHealth['state'] = 'starting'
  #failure: Failure | null = null
  #loading: LoadStatus | null = null
  #restarts = 0
  #pause = FIRST_PAUSE
  #startedAt = 0
  #timer: NodeJS.Timeout | undefined
  #id = 0

  constructor(settings: AnalyticsSettings) {
    this.#settings = settings
  }

  start(): void {
    this.#startedAt = performance.now()
    const child = fork(CHILD, [], {
      execArgv: loaderFlags(),
      // Every call of the Kafka client that waits for a broker holds a thread of the pool.
      env: { ...process.env, UV_THREADPOOL_SIZE: process.env['UV_THREADPOOL_SIZE'] ?? '16' },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#child = child
    let lastWords = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      lastWords = `${lastWords}${chunk.toString()}`.slice(-LAST_WORDS)
    })
    child.on('message', (message) => this.#hear(message as FromChild))
    child.on('error', (error) => this.#note({ code: null, message: error.message }))
    child.on('exit', (code, signal) =>
      this.#gone(child, `${signal ?? `exit code ${code}`} ${lastWords}`.trim()),
    )
    // A crash point is passed once: the child that comes after must live.
    const { crash: _, ...lasting } = this.#settings
    this.#tell({ kind: 'open', settings: this.#restarts === 0 ? this.#settings : lasting })
  }

  async query(sql: string, params: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
    const answer = await this.#ask((id) => ({ kind: 'query', id, sql, params }))
    assert(answer !== undefined && 'rows' in answer, 'a query is answered with rows')
    return answer
  }

  async arrow(sql: string, params: Readonly<Record<string, unknown>> = {}): Promise<Uint8Array> {
    const file = await this.#ask((id) => ({ kind: 'arrow', id, sql, params }))
    assert(file instanceof Uint8Array, 'it is answered with a file')
    return file
  }

  async flush(): Promise<void> {
    await this.#ask((id) => ({ kind: 'flush', id }))
  }

  lag(): number | null {
    return this.#loading?.lagRecords ?? null
  }

  health(): AnalyticsHealth {
    const waits = this.#state === 'ready' ? (this.#loading?.lastError ?? null) : null
    return {
      state: this.#state,
      reason: this.#failure?.message ?? waits,
      restarts: this.#restarts,
      loading: this.#loading,
    }
  }

  ready(): Promise<void> {
    if (this.#state === 'ready') return Promise.resolve()
    if (this.#state === 'refused' || this.#state === 'stopped')
      return Promise.reject(this.#unavailable())
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    const child = this.#child
    this.#state = 'stopped'
    this.#refuseAll()
    if (child === undefined) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    this.#tell({ kind: 'stop' })
    const killer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await gone
    clearTimeout(killer)
  }

  #hear(message: FromChild): void {
    switch (message.kind) {
      case 'ready':
        this.#loading = message.status
        this.#failure = null
        if (this.#state === 'stopped') return
        this.#state = 'ready'
        for (const { resolve } of this.#waiting.splice(0)) resolve()
        return
      case 'status':
        this.#loading = message.status
        return
      case 'failed':
        return this.#note(message.failure)
      case 'answer':
        return this.#take(message.id)?.resolve(message.answer)
      case 'arrow':
        return this.#take(message.id)?.resolve(message.file)
      case 'flushed':
        return this.#take(message.id)?.resolve(undefined)
      case 'refused':
        return this.#take(message.id)?.reject(errorOf(message.failure))
    }
  }

  #note(failure: Failure): void {
    this.#failure = failure
  }

  #gone(child: ChildProcess, how: string): void {
    if (this.#child !== child) return
    this.#child = undefined
    if (this.#state === 'stopped') return
    this.#failure ??= { code: null, message: `The process of analytics ended (${how}).` }
    const { code } = this.#failure
    const needsPeople = code !== null && ERRORS[code].class === 'refused' && code !== 'log_missing'
    this.#state = needsPeople ? 'refused' : 'restarting'
    this.#refuseAll()
    if (needsPeople) return
    if (performance.now() - this.#startedAt > STABLE_MS) this.#pause = FIRST_PAUSE
    this.#timer = setTimeout(() => {
      this.#restarts++
      this.start()
    }, this.#pause)
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE)
  }

  #ask(message: (id: number) => ToChild): Promise<Answer | Uint8Array | undefined> {
    if (this.#state !== 'ready') return Promise.reject(this.#unavailable())
    if (this.#pending.size >= MAX_OPEN)
      return Promise.reject(
        new OpportuneError('analytics_unavailable', 'Too many queries are open.'),
      )
    const id = this.#id++
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#tell(message(id))
    })
  }

  #tell(message: ToChild): void {
    // A child that is about to be gone takes nothing; its end refuses whatever is open.
    if (this.#child?.connected === true) this.#child.send(message, () => {})
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    return pending
  }

  #refuseAll(): void {
    for (const { reject } of this.#pending.values()) reject(this.#unavailable())
    this.#pending.clear()
    if (this.#state === 'restarting') return
    for (const { reject } of this.#waiting.splice(0)) reject(this.#unavailable())
  }

  #unavailable(): OpportuneError {
    const reason = this.#failure === null ? '' : ` ${this.#failure.message}`
    return new OpportuneError('analytics_unavailable', `Analytics is ${this.#state}.${reason}`, {
      state: this.#state,
    })
  }
}

function errorOf({ code, message }: Failure): OpportuneError {
  const known: ErrorCode = code ?? 'analytics_query_failed'
  // The message was made by the same class in the child, around what happened.
  const what = message.replace(`${known}: `, '').replace(` ${ERRORS[known].remedy}`, '')
  return new OpportuneError(known, what)
}

const SOURCE = import.meta.url.endsWith('.ts')
const CHILD = fileURLToPath(new URL(`./analytics.child.${SOURCE ? 'ts' : 'js'}`, import.meta.url))

/** Sources need the loader that runs them; compiled files need nothing. */
const loaderFlags = (): string[] =>
  SOURCE ? ['--conditions=source', '--import', createRequire(import.meta.url).resolve('tsx')] : []
