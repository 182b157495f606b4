/**
 * The watermark of a partitioned stream: the minimum over partitions of (highest time seen - bound).
 *
 * W1 It never falls. W2 It is -Infinity until every partition has been heard of, so that a partition
 * which starts late loses nothing.
 */
export class PartitionedWatermark {
  readonly #highest: Float64Array
  readonly #boundMs: number
  #current = Number.NEGATIVE_INFINITY

  /** @param boundMs how far out of order events of one partition may be */
  constructor(partitions: number, boundMs: number) {
    this.#highest = new Float64Array(partitions).fill(Number.NEGATIVE_INFINITY)
    this.#boundMs = boundMs
  }

  get current(): number {
    return this.#current
  }

  /** Takes note of an event's time; true when the watermark advanced. */
  observe(partition: number, time: number): boolean {
    const before = this.#highest[partition] as number
    if (time <= before) return false
    this.#highest[partition] = time
    // Only the slowest partition can move the minimum.
    if (before - this.#boundMs > this.#current) return false
    let lowest = Number.POSITIVE_INFINITY
    for (const highest of this.#highest) if (highest < lowest) lowest = highest
    const advanced = lowest - this.#boundMs > this.#current
    if (advanced) this.#current = lowest - this.#boundMs
    return advanced
  }
}
