/**
 * The backend on a data directory that no server runs on.
 *
 * L1 What the log alone can answer is read without becoming its owner: it works beside a replay that
 *    owns it, and changes nothing.
 * L2 State and changes need the app, which owns the directory while this backend is open; where
 *    another process does, that is `log_owned`. The app is opened and never run: no epoch is made, and
 *    what is appended is processed by the next start.
 * L3 Nothing is created: a directory without a log is `log_missing`.
 */
import { join } from 'node:path'
import {
  describe,
  describeMermaid,
  describeText,
  OpportuneError,
  openEmbeddedLogReadOnly,
  type ReadOnlyLog,
} from '#engine'
import { decisionChain } from '#sinks'
import { applyDefinitions } from '../../app/activate.ts'
import { App } from '../../app/app.ts'
import { opportune, TOPICS } from '../../app/topology.ts'
import type { QueryResult, Savepoint } from '../../http/views.ts'
import { deadLetters, redrive } from './dead-letters.ts'
import { findDecision, latestDecisions } from './decisions.ts'
import { partitionsOf, type ReadableLog } from './newest.ts'
import type { Backend, DescribedTopology, QueryRequest, RedriveWhat } from './port.ts'
import { profileOf } from './profile-of.ts'

/** Analytics over the same directory, started for one command. */
export interface LocalAnalytics {
  query(request: QueryRequest): Promise<QueryResult>
  arrow(request: Omit<QueryRequest, 'maxRows'>): Promise<Uint8Array>
  stop(): Promise<void>
}

export interface LocalBackendOptions {
  readonly directory: string
  /** ms since 1970. */
  readonly now: () => number
  readonly openAnalytics: () => Promise<LocalAnalytics>
}

/** Partitions of a directory that has none yet; the number `start` uses. */
export const DEFAULT_PARTITIONS = 4

/** @throws log_missing, log_corrupt, frame_version */
export async function localBackend(options: LocalBackendOptions): Promise<Backend> {
  const local = new Local(options)
  // Now, so that a directory without a log is refused before anything is asked of it (L3).
  await local.log()
  return {
    where: options.directory,
    profile: (customer) => local.profile(customer),
    async why(id) {
      const found = await findDecision(await local.log(), id)
      if (found === undefined)
        throw new OpportuneError('http_decision_unknown', 'Nothing was found.')
      return found
    },
    decisions: async (filter) => latestDecisions(await local.log(), filter),
    topology: () => local.topology(),
    query: async (request) => (await local.analytics()).query(request),
    queryArrow: async (request) => (await local.analytics()).arrow(request),
    deadLetters: async (filter) => deadLetters(await local.log(), filter),
    redrive: (what) => local.redrive(what),
    async applyDefinitions(files) {
      return applyDefinitions(await local.app(), files)
    },
    savepoint: (out) => local.savepoint(out),
    close: () => local.close(),
  }
}

class Local {
  readonly #options: LocalBackendOptions
  #readOnly: ReadOnlyLog | null = null
  #app: App | null = null
  #analytics: LocalAnalytics | null = null

  constructor(options: LocalBackendOptions) {
    this.#options = options
  }

  /** L1; the app's own log where that is open, since LMDB opens a directory once in a process. */
  async log(): Promise<ReadableLog> {
    if (this.#app !== null) return this.#app.log
    this.#readOnly ??= await openEmbeddedLogReadOnly(join(this.#options.directory, 'log'))
    return this.#readOnly
  }

  /** L2. */
  async app(): Promise<App> {
    if (this.#app !== null) return this.#app
    const { directory, now } = this.#options
    const partitions = await this.#partitions()
    await this.#closeReadOnly()
    this.#app = await App.open({
      directory,
      log: { kind: 'embedded', durability: 'disk' },
      partitions,
      build: 'cli',
      now,
    })
    return this.#app
  }

  async profile(customer: string) {
    const found = profileOf(await this.app(), customer)
    if (found === undefined) throw new OpportuneError('http_customer_unknown', 'Nothing was found.')
    return found
  }

  async topology(): Promise<DescribedTopology> {
    return describedTopology(await this.#partitions())
  }

  async redrive(what: RedriveWhat) {
    const app = await this.app()
    return redrive(app.log, what, (calls) => app.ingest(calls, this.#options.now()))
  }

  async analytics(): Promise<LocalAnalytics> {
    this.#analytics ??= await this.#options.openAnalytics()
    return this.#analytics
  }

  async savepoint(out: string | null): Promise<Savepoint> {
    const { takeSavepoint } = await import('../../savepoint/index.ts')
    return takeSavepoint(await this.app(), out)
  }

  async close(): Promise<void> {
    await this.#analytics?.stop()
    await this.#closeReadOnly()
    await this.#app?.stop()
  }

  async #closeReadOnly(): Promise<void> {
    await this.#readOnly?.close()
    this.#readOnly = null
  }

  async #partitions(): Promise<number> {
    return (await partitionsOf(await this.log(), TOPICS.customerInbox)) || DEFAULT_PARTITIONS
  }
}

/** What runs, or would: the topology needs no data. */
export function describedTopology(partitions: number): DescribedTopology {
  const data = describe(opportune({ partitions, live: true, decisionChain }).build())
  return {
    data: structuredClone(data) as unknown as DescribedTopology['data'],
    text: describeText(data),
    mermaid: describeMermaid(data),
  }
}
