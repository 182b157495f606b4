/**
 * A TCP proxy on the loopback address between one worker and the broker, that can behave like a bad
 * network. It knows nothing of Kafka: the broker has a listener for each worker and advertises the
 * proxy's address there, so that all of the worker's connections come through here.
 *
 * What is held back in a half-open connection is delivered when it heals, as TCP would deliver it.
 */
import { createServer, connect as open, type Server, type Socket } from 'node:net'

/** `both`: nothing passes. `answers`: requests arrive, and what the broker says of them does not. */
export type Held = 'both' | 'answers'

const ENDS = ['client', 'broker'] as const
type End = (typeof ENDS)[number]

interface Pair {
  readonly client: Socket
  readonly broker: Socket
}

export class ChaosProxy {
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  readonly #target: number
  #held: Held | null = null
  #refusing = false
  #delayMs = 0

  private constructor(target: number) {
    this.#target = target
    this.#server = createServer({ pauseOnConnect: true }, (client) => this.#take(client))
  }

  /** @param port where to listen @param target the broker's own port */
  static async listen(port: number, target: number): Promise<ChaosProxy> {
    const proxy = new ChaosProxy(target)
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject)
      proxy.#server.listen(port, '127.0.0.1', resolve)
    })
    return proxy
  }

  /** Every piece of data waits so long, in order. 0: not at all. */
  delay(ms: number): void {
    this.#delayMs = ms
  }

  /** Resets all connections, and refuses new ones until `heal`. */
  cut(): void {
    this.#refusing = true
    for (const { client, broker } of this.#pairs) {
      client.resetAndDestroy()
      broker.destroy()
    }
  }

  /** Connections stay, new ones are accepted, and data stop passing, until `heal`. */
  hold(held: Held): void {
    this.#held = held
    for (const pair of this.#pairs) this.#apply(pair)
  }

  heal(): void {
    this.#held = null
    this.#refusing = false
    this.#delayMs = 0
    for (const pair of this.#pairs) this.#apply(pair)
  }

  async close(): Promise<void> {
    for (const { client, broker } of this.#pairs) {
      client.destroy()
      broker.destroy()
    }
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #take(client: Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy()
      return
    }
    const broker = open({ port: this.#target, host: '127.0.0.1', noDelay: true })
    client.setNoDelay(true)
    const pair = { client, broker }
    this.#pairs.add(pair)
    this.#pass(pair, 'client', broker)
    this.#pass(pair, 'broker', client)
    const end = (): void => {
      this.#pairs.delete(pair)
      client.destroy()
      broker.destroy()
    }
    for (const socket of [client, broker]) socket.on('error', end).on('close', end)
    this.#apply(pair)
  }

  #pass(pair: Pair, end: End, to: Socket): void {
    const from = pair[end]
    // Timers of one length fire in the order they were set; a shorter one must not overtake a longer.
    let last = 0
    from.on('data', (data: Buffer) => {
      const due = Math.max(last, performance.now() + this.#delayMs)
      last = due
      const wait = due - performance.now()
      const write = (): void => {
        if (to.destroyed) return
        if (!to.write(data)) {
          from.pause()
          to.once('drain', () => {
            if (this.#flows(end)) from.resume()
          })
        }
      }
      if (wait <= 0) write()
      else setTimeout(write, wait)
    })
  }

  #apply(pair: Pair): void {
    for (const end of ENDS)
      if (this.#flows(end)) pair[end].resume()
      else pair[end].pause()
  }

  /** Whether data from this end may pass now. */
  #flows(from: End): boolean {
    return this.#held === null || (this.#held === 'answers' && from === 'client')
  }
}
