/**
 * One worker of a chaos run on Kafka: the product on its share of the partitions, as a process that is
 * made to be killed, frozen and cut off. Told what to do over the channel to its parent, and ends with it.
 *
 * An order (`Order`) makes it kill or freeze itself at a passing of a step, so that the place is exact.
 */
import { writeFileSync } from 'node:fs'
import { findError } from '#engine'
import { App } from '../../app/app.ts'
import { stateOfTasks } from '../outcome.ts'
import type { Moment } from './faults.ts'

export interface Order extends Moment {
  readonly signal: 'SIGKILL' | 'SIGSTOP'
}

/** Argument 2, as JSON. */
export interface WorkerChildOptions {
  readonly directory: string
  readonly brokers: string
  readonly prefix: string
  readonly instance: string
  readonly partitions: number
  readonly sessionMs: number
  readonly order: Order | null
}

export type ToWorker =
  | { readonly kind: 'look'; readonly id: number }
  /** null: takes back what was ordered and has not come yet. */
  | { readonly kind: 'order'; readonly order: Order | null }
  | { readonly kind: 'state'; readonly id: number; readonly file: string }
  | { readonly kind: 'stop' }

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'beat'; readonly owned: readonly string[] }
  /** `lag` is null where the log did not answer. */
  | {
      readonly kind: 'seen'
      readonly id: number
      readonly owned: readonly string[]
      readonly epochs: number
      readonly lag: number | null
    }
  | { readonly kind: 'written'; readonly id: number }
  | { readonly kind: 'failed'; readonly code: string | null; readonly text: string }

/** Small, so that there are many epochs and many checkpoints to be killed in. */
const SLICE = { maxRecords: 24, maxBytes: 1 << 20 }
const CHECKPOINT_MS = 300
const BEAT_MS = 100

const say = (message: FromWorker): void => void process.send?.(message)

let order: Order | null = null
let passed = 0

function onStep(step: Moment['step']): void {
  if (order === null || order.step !== step || ++passed < order.count) return
  const { signal, afterMs } = order
  order = null
  if (afterMs === 0) process.kill(process.pid, signal)
  else setTimeout(() => process.kill(process.pid, signal), afterMs)
}

function take(next: Order | null): void {
  order = next
  passed = 0
}

async function live(options: WorkerChildOptions): Promise<void> {
  take(options.order)
  const app = await App.open({
    directory: options.directory,
    log: {
      kind: 'kafka',
      brokers: options.brokers,
      prefix: options.prefix,
      instance: options.instance,
      sessionTimeoutMs: options.sessionMs,
      transactionTimeoutMs: options.sessionMs,
      fetchWaitMs: 20,
      watchMs: 50,
    },
    partitions: options.partitions,
    build: 'chaos',
    now: Date.now,
    live: false,
    slice: SLICE,
    checkpointEveryMs: CHECKPOINT_MS,
    onStep,
    onFailure: fail,
  })
  const owned = (): string[] => app.worker.tasks.map((task) => task.id)
  const look = async (id: number): Promise<void> => {
    const lag = await app.worker.lag().catch(() => null)
    say({ kind: 'seen', id, owned: owned(), epochs: app.worker.stats.epochs, lag })
  }
  process.on('message', (message: ToWorker) => {
    switch (message.kind) {
      case 'order':
        return take(message.order)
      case 'look':
        return void look(message.id)
      case 'state':
        writeFileSync(message.file, JSON.stringify(stateOfTasks(app.worker.tasks)))
        return say({ kind: 'written', id: message.id })
      case 'stop':
        app.stop().then(() => process.exit(0), fail)
    }
  })
  setInterval(() => say({ kind: 'beat', owned: owned() }), BEAT_MS).unref()
  say({ kind: 'ready' })
  app.run()
}

function fail(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const message: FromWorker = { kind: 'failed', code: findError(error)?.code ?? null, text }
  if (process.send === undefined) process.exit(1)
  process.send(message, () => process.exit(1))
}

process.once('disconnect', () => process.exit(1))
const given = process.argv[2]
if (given === undefined) throw new Error('the options of a worker are missing')
void live(JSON.parse(given) as WorkerChildOptions).catch(fail)
