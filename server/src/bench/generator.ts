/** The benchmark's side of the generator: its batches in order, one job at a time. */
import { fork } from 'node:child_process'
import { createRequire } from 'node:module'
import type { CallBatch, GeneratorJob, GeneratorOrder } from './generator.child.ts'

const SOURCE = import.meta.url.endsWith('.ts')
const FILE = new URL(`./generator.child.${SOURCE ? 'ts' : 'js'}`, import.meta.url)
const NODE = SOURCE
  ? ['--conditions=source', '--import', createRequire(import.meta.url).resolve('tsx')]
  : []
/** Batches asked for ahead of the one that is being sent. */
const AHEAD = 4

export class CallGenerator {
  // Buffers as they are, not as JSON.
  readonly #child = fork(FILE, { serialization: 'advanced', execArgv: NODE })
  #onBatch: (batch: CallBatch) => void = () => {}
  #onError: (error: unknown) => void = () => {}

  constructor() {
    this.#child.on('message', (batch) => this.#onBatch(batch as CallBatch))
    this.#child.on('error', (error) => this.#onError(error))
    this.#child.on('exit', (code) => this.#onError(new Error(`The generator ended with ${code}.`)))
  }

  /** Calls `take` with each batch, and waits for it only where they are made on demand. */
  async run(
    job: GeneratorJob,
    take: (calls: readonly Uint8Array[]) => Promise<void>,
  ): Promise<void> {
    let taken: Promise<void> = Promise.resolve()
    await new Promise<void>((resolve, reject) => {
      this.#onError = reject
      this.#onBatch = (batch) => {
        if (batch.ends.length === 0) return resolve()
        const calls = callsOf(batch)
        const demand = job.pace === 'demand'
        const took = demand ? taken.then(() => take(calls)) : take(calls)
        taken = Promise.all([taken, took]).then(() => {
          if (demand) this.#order('more')
        })
        taken.catch(reject)
      }
      this.#order(job)
      if (job.pace === 'demand') for (let n = 0; n < AHEAD; n++) this.#order('more')
    })
    await taken
  }

  close(): void {
    this.#child.disconnect()
  }

  #order(order: GeneratorOrder): void {
    this.#child.send(order)
  }
}

function callsOf({ bytes, ends }: CallBatch): Uint8Array[] {
  const calls: Uint8Array[] = []
  let start = 0
  for (const end of ends) {
    calls.push(bytes.subarray(start, end))
    start = end
  }
  return calls
}
