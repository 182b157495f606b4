/** How fast records go through each node, from the tasks' own counts; sampled once a second. */
import type { App } from '../app/app.ts'
import { TOPICS } from '../app/topology.ts'
import type { Rates } from '../http/views.ts'
import type { DecisionTail } from './decision-tail.ts'
import { TaskCounts } from './task-counts.ts'

const SAMPLE_MS = 1_000

export class RateMeter {
  readonly #app: App
  readonly #decisions: DecisionTail
  #before = new Map<string, number>()
  #at = 0
  #nodes: Rates['nodes'] = {}
  #counts = { read: 0, accepted: 0, duplicates: 0, rejected: 0 }
  readonly #own = new TaskCounts()
  #timer: NodeJS.Timeout | null = null

  constructor(app: App, decisions: DecisionTail) {
    this.#app = app
    this.#decisions = decisions
  }

  /** Samples now and then every second. @param onError what a sample died of; the next one tries again */
  async start(onError: (error: unknown) => void): Promise<void> {
    await this.#sample()
    const next = (): void => {
      this.#timer = setTimeout(() => void this.#sample().catch(onError).finally(next), SAMPLE_MS)
      this.#timer.unref()
    }
    next()
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  rates(): Rates {
    const totals = { ...this.#counts, decisions: { ...this.#decisions.counts } }
    return { at: this.#app.options.now(), nodes: this.#nodes, totals }
  }

  async #sample(): Promise<void> {
    await this.#decisions.follow()
    const now = this.#app.options.now()
    const seconds = Math.max(0.001, (now - this.#at) / 1_000)
    const totals = new Map<string, number>()
    for (const task of this.#app.worker.tasks)
      for (const [id, { values }] of task.tallies) {
        const node = `${task.stage.id}/${id}`
        totals.set(node, (totals.get(node) ?? 0) + values)
      }
    const nodes: Record<string, Rates['nodes'][string]> = {}
    for (const [node, total] of totals) {
      const grown = this.#at === 0 ? 0 : Math.max(0, total - (this.#before.get(node) ?? 0))
      nodes[node] = { records_total: total, records_per_second: grown / seconds }
    }
    this.#before = totals
    this.#at = now
    this.#nodes = nodes
    await this.#count()
  }

  /** From the topics' ends: what came in was accepted, known already, or refused. */
  async #count(): Promise<void> {
    if (this.#app.log.kind === 'kafka') {
      this.#countOwn()
      return
    }
    const accepted = await this.#end(TOPICS.activity)
    const duplicates = await this.#end(TOPICS.duplicates)
    const rejected = await this.#end(TOPICS.deadLetters)
    this.#counts = { read: accepted + duplicates + rejected, accepted, duplicates, rejected }
  }

  /** On Kafka offsets are no numbers of records: of the tasks here, what they took in. */
  #countOwn(): void {
    const { accepted, duplicates } = this.#own.follow(this.#app.worker.tasks)
    const rejected = [...this.#before].reduce(
      (sum, [node, total]) => (node.endsWith('/rejected') ? sum + total : sum),
      0,
    )
    this.#counts = { read: accepted + duplicates + rejected, accepted, duplicates, rejected }
  }

  async #end(topic: string): Promise<number> {
    const partitions = this.#app.plan.topics.find((t) => t.name === topic)?.partitions ?? 0
    const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
    return (await this.#app.log.bounds(all)).reduce((sum, b) => sum + b.end, 0)
  }
}
