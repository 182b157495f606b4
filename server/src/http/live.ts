/**
 * The live stream: a snapshot of health, rates and latest decisions each second, as server-sent
 * events. One snapshot is taken for all readers, and none while there is no reader. A reader that
 * does not keep up misses snapshots and holds nobody up: each one is complete in itself.
 */
import { Readable } from 'node:stream'
import { OpportuneError } from '#engine'
import type { Limits } from './options.ts'
import type { HttpPorts } from './ports.ts'
import { known } from './problem.ts'
import { type Snapshot, summarise } from './views.ts'

const DECISIONS = 20

export class LiveStreams {
  readonly #ports: Pick<HttpPorts, 'health' | 'rates' | 'latestDecisions'>
  readonly #limits: Limits
  readonly #readers = new Map<Readable, { full: boolean }>()
  #timer: NodeJS.Timeout | null = null
  #taking = false
  #closed = false

  constructor(ports: Pick<HttpPorts, 'health' | 'rates' | 'latestDecisions'>, limits: Limits) {
    this.#ports = ports
    this.#limits = limits
  }

  /** @throws http_overloaded, http_closing */
  open(): Readable {
    if (this.#closed) throw new OpportuneError('http_closing', 'No new stream is opened.')
    if (this.#readers.size >= this.#limits.liveStreams)
      throw new OpportuneError('http_overloaded', 'There are as many live streams as may be.')
    const state = { full: false }
    const reader = new Readable({
      read() {
        state.full = false
      },
    })
    this.#readers.set(reader, state)
    reader.once('close', () => this.#leave(reader))
    this.#timer ??= setInterval(() => void this.#tick(), this.#limits.liveEveryMs).unref()
    void this.#tick()
    return reader
  }

  close(): void {
    this.#closed = true
    for (const reader of this.#readers.keys()) reader.push(null)
  }

  #leave(reader: Readable): void {
    this.#readers.delete(reader)
    if (this.#readers.size > 0 || this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
  }

  async #tick(): Promise<void> {
    if (this.#taking) return
    this.#taking = true
    try {
      this.#send(await this.#event())
    } finally {
      this.#taking = false
    }
  }

  #send(event: string): void {
    if (this.#closed) return
    for (const [reader, state] of this.#readers) if (!state.full) state.full = !reader.push(event)
  }

  async #event(): Promise<string> {
    try {
      const decisions = await this.#ports.latestDecisions({ limit: DECISIONS, customer: null })
      const snapshot: Snapshot = {
        health: this.#ports.health(),
        rates: this.#ports.rates(),
        decisions: decisions.map(summarise),
      }
      return `event: snapshot\ndata: ${JSON.stringify(snapshot)}\n\n`
    } catch (error) {
      // The stream outlives what it shows: a page left open recovers with the system.
      return `event: trouble\ndata: ${JSON.stringify({ code: known(error).code })}\n\n`
    }
  }
}
