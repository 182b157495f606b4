/**
 * Tells those who wait that records became visible. Calls are coalesced: however many commits happen
 * in one turn, a listener hears of them once, in a microtask, after the commits have returned.
 */
interface Listener {
  readonly topics: ReadonlySet<string>
  readonly call: () => void
  pending: boolean
}

export class AppendSignal {
  readonly #listeners = new Set<Listener>()

  /** @returns the way out; after it was taken the listener is not called any more. */
  listen(topics: readonly string[], call: () => void): () => void {
    const listener: Listener = { topics: new Set(topics), call, pending: false }
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  notify(topics: Iterable<string>): void {
    if (this.#listeners.size === 0) return
    for (const topic of topics)
      for (const listener of this.#listeners)
        if (!listener.pending && listener.topics.has(topic)) this.#schedule(listener)
  }

  clear(): void {
    this.#listeners.clear()
  }

  #schedule(listener: Listener): void {
    listener.pending = true
    queueMicrotask(() => {
      listener.pending = false
      if (this.#listeners.has(listener)) listener.call()
    })
  }
}
