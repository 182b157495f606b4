/**
 * `opportune start --log kafka`, and each worker of `opportune run`: one process of those that share a
 * log on Kafka.
 *
 * N1 HTTP answers from the start; ready says no, with the reason, until the log was reached, the state
 *    restored, and what had come in before was processed.
 * N2 A cluster that cannot be reached is tried again for ever, with growing pauses; what trying again
 *    cannot mend (credentials, rights, topics that do not fit) ends the process with its code.
 * N3 Sealing the audit, writing the outbox, loading analytics and counting for metrics are the duties of
 *    one process of the log; the others refuse queries with its address.
 * N4 A worker that stops for a reason of its own ends the process: coming back under the same instance
 *    name, it fences what is left of itself.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { findError, OpportuneError, type Plan } from '#engine'
import { CALL_SCHEMAS } from '#operators'
import { type Analytics, decisionChain } from '#sinks'
import { activateDirectory, activateModelFile } from '../app/activate.ts'
import type { App } from '../app/app.ts'
import type { KafkaAppLog } from '../app/app-log.ts'
import { readValues } from '../app/read-topic.ts'
import { type ControlRecord, opportune, TOPICS } from '../app/topology.ts'
import { readServerFile, removeServerFile, writeServerFile } from '../cli/backend/server-file.ts'
import { packageVersion } from '../cli/version.ts'
import { createHttpServer, type Health, type HttpServer, openCredentials } from '../http/index.ts'
import { packagePath } from '../package-root.ts'
import { logger } from '../start/log.ts'
import { makeMetrics, scraper } from '../start/metrics.ts'
import { PathCounts } from '../start/path-counts.ts'
import { portsOf } from '../start/ports.ts'
import { startAnalyticsFor } from '../start/sides.ts'
import { CurrentStage, Stage } from '../start/stage.ts'
import { analyticsElsewhere } from './duties.ts'
import { Members } from './members.ts'
import { RemoteReads } from './remote-reads.ts'
import { Restoring } from './restoring.ts'

export interface NodeOptions {
  /** What is this process's own: state, its address. */
  readonly directory: string
  /** Keys, credentials, outbox, embedded ClickHouse; processes of one machine share it. */
  readonly shared: string
  readonly log: KafkaAppLog
  readonly port: number
  readonly host: string
  readonly partitions: number
  readonly duties: boolean
  readonly clickhouseUrl?: string | undefined
  readonly dropState?: readonly string[] | undefined
}

export interface RunningNode {
  readonly url: string
  /** Resolves when it is ready for the first time, or was stopped before. */
  readonly ready: Promise<void>
  /** Resolves after `stop`, rejects with what the process cannot go on after. */
  readonly done: Promise<void>
  stop(): Promise<void>
}

/** @throws log_owned, http_port_in_use, credentials_* */
export async function startNode(
  options: NodeOptions,
  out: (line: string) => void,
): Promise<RunningNode> {
  const node = new Node(options, out)
  const url = await node.open()
  return { url, ready: node.ready, done: node.done, stop: () => node.stop() }
}

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 30_000
/** How often it is looked whether tasks came or went. */
const LOOK_MS = 250

class Node {
  readonly ready: Promise<void>
  readonly done: Promise<void>
  readonly #options: NodeOptions
  readonly #out: (line: string) => void
  readonly #plan: Plan
  readonly #stage = new CurrentStage(new OpportuneError('server_joining', ''))
  readonly #metrics = makeMetrics()
  readonly #counts: PathCounts | null
  readonly #restoring: Restoring
  #analytics: Analytics
  #http: HttpServer | null = null
  #cluster: { readonly members: Members; readonly reads: RemoteReads } | null = null
  /** Why it is not ready; null when it is. */
  #waitsFor: string | null = 'waiting for Kafka'
  #stopped: Promise<void> | null = null
  #look: NodeJS.Timeout | null = null
  #token = ''
  #url = ''
  #isReady: () => void = () => {}
  #finish: (error?: unknown) => void = () => {}
  #wake: () => void = () => {}

  constructor(options: NodeOptions, out: (line: string) => void) {
    const { partitions, duties } = options
    this.#options = options
    this.#out = out
    this.#plan = opportune({ partitions, live: true, decisionChain }).build()
    this.#restoring = new Restoring(out, () => performance.now())
    this.#counts = duties
      ? new PathCounts((seconds) =>
          this.#metrics.observe('opportune_decision_latency_seconds', seconds),
        )
      : null
    this.#analytics = analyticsElsewhere(() => this.#cluster?.members ?? null)
    this.ready = new Promise((resolve) => {
      this.#isReady = resolve
    })
    this.done = new Promise((resolve, reject) => {
      this.#finish = (error) => (error === undefined ? resolve() : reject(error))
    })
    this.done.catch(() => {})
  }

  /** Until HTTP answers; the rest happens behind it (N1). */
  async open(): Promise<string> {
    const { directory, shared, log, duties } = this.#options
    mkdirSync(directory, { recursive: true })
    mkdirSync(shared, { recursive: true })
    if ((await readServerFile(directory)) !== undefined)
      throw new OpportuneError('log_owned', `A server runs on ${directory}.`)
    const credentials = await openCredentials(shared)
    this.#token = process.env['OPPORTUNE_TOKEN'] ?? credentials.operatorToken
    this.#url = await this.#listen(credentials.writeKeys)
    const served = { url: this.#url, pid: process.pid, version: packageVersion() }
    await writeServerFile(directory, served)
    if (duties && shared !== directory) await writeServerFile(shared, served)
    this.#out(`Opportune ${packageVersion()}, ${log.instance}, at ${this.#url}`)
    this.#join().catch((error: unknown) => this.#fail(error))
    return this.#url
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop([])
    return this.#stopped
  }

  async #listen(writeKeys: readonly string[]): Promise<string> {
    const { host, port } = this.#options
    const metrics = this.#metrics
    this.#http = createHttpServer(this.#ports(), {
      version: packageVersion(),
      host,
      port,
      writeKeys,
      operatorToken: this.#token,
      logger,
      observe: ({ method, route, status, seconds }) => {
        metrics.add('opportune_http_requests_total', 1, { method, route, status: String(status) })
        metrics.observe('opportune_http_request_duration_seconds', seconds, { route })
      },
      callSchemas: CALL_SCHEMAS,
    })
    return this.#http.listen()
  }

  #ports() {
    const analytics: Analytics = {
      query: (sql, params) => this.#analytics.query(sql, params),
      arrow: (sql, params) => this.#analytics.arrow(sql, params),
      lag: () => this.#analytics.lag(),
      health: () => this.#analytics.health(),
      ready: () => this.#analytics.ready(),
      flush: () => this.#analytics.flush(),
      stop: () => this.#analytics.stop(),
    }
    const scrape = scraper(this.#metrics, {
      stage: this.#stage,
      analytics,
      counts: this.#counts,
      ready: () => this.#health().ready,
    })
    return portsOf({
      stage: this.#stage,
      plan: this.#plan,
      analytics,
      open: () => true,
      now: Date.now,
      health: () => this.#health(),
      metrics: async () => {
        const { share, records } = this.#restoring.sum
        this.#metrics.set('opportune_restore_progress_ratio', share)
        this.#metrics.set('opportune_restore_records', records)
        return scrape()
      },
      savepoint: async () =>
        (await import('../savepoint/index.ts')).takeSavepoint(this.#stage.get().app, null),
      cluster: () => this.#cluster,
    })
  }

  async #join(): Promise<void> {
    const stage = await this.#reach()
    if (stage === null) return
    const { app } = stage
    const { shared, duties, log, clickhouseUrl } = this.#options
    if (this.#stopped !== null) return await stage.close()
    this.#stage.set(stage)
    this.#waitsFor = 'catching up with what came in before the start'
    const onError = (error: unknown): void =>
      logger.warn({ err: error }, 'the members are not followed just now')
    const members = await Members.open({ log: app.log, instance: log.instance, onError })
    this.#cluster = { members, reads: new RemoteReads({ members, operatorToken: this.#token }) }
    await this.#counts?.follow(app.log)
    app.run()
    if (duties) await activateWhereMissing(app)
    if (duties) this.#analytics = startAnalyticsFor(shared, clickhouseUrl, analyticsLog(log))
    await stage.run(
      this.#counts,
      (error) => logger.error({ err: error }, 'a sample of the rates failed'),
      shared,
    )
    await this.#tellOthers(app)
    while (this.#stopped === null && (await app.worker.lag()) > 0) await app.committed()
    if (this.#stopped !== null) return
    this.#waitsFor = null
    this.#out(`${log.instance} is ready with ${app.worker.tasks.length} tasks`)
    this.#isReady()
  }

  /** The app, once the cluster was reached; null where it was stopped before (N2). */
  async #reach(): Promise<Stage | null> {
    for (let pause = FIRST_PAUSE_MS; this.#stopped === null; ) {
      try {
        return await Stage.open(this.#appOptions())
      } catch (error) {
        const known = findError(error)
        if (known?.class !== 'retriable') throw error
        this.#waitsFor = `waiting for Kafka: ${known.code}`
        this.#out(`${known.message} Tried again in ${pause / 1_000} s.`)
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        setTimeout(resolve, pause).unref()
      })
      pause = Math.min(LONGEST_PAUSE_MS, pause * 2)
    }
    return null
  }

  #appOptions() {
    const { directory, log, partitions, dropState } = this.#options
    return {
      directory,
      log: {
        ...log,
        onTrouble: (error: OpportuneError) =>
          logger.warn({ code: error.code }, 'Kafka is not as it should be'),
      },
      partitions,
      build: packageVersion(),
      now: Date.now,
      onFailure: (error: unknown) => this.#fail(error),
      onRestore: (progress: Parameters<Restoring['take']>[0]) => {
        this.#waitsFor = 'restoring the state'
        this.#restoring.take(progress)
      },
      ...(dropState === undefined ? {} : { dropState }),
    }
  }

  /** Says what we keep, now and whenever that changes. */
  async #tellOthers(app: App): Promise<void> {
    const say = async (): Promise<void> => {
      const tasks = this.#stopped === null ? app.worker.tasks : []
      await this.#cluster?.members.publish(
        {
          url: this.#url,
          version: packageVersion(),
          duties: this.#options.duties,
          tasks: Object.fromEntries(tasks.map((task) => [task.id, task.committed.epoch])),
        },
        Date.now(),
      )
    }
    await say()
    const next = (): void => {
      this.#look = setTimeout(
        () =>
          void say()
            .catch(() => {})
            .finally(next),
        LOOK_MS,
      )
      this.#look.unref()
    }
    next()
  }

  #health(): Health {
    const failure = this.#stage.found?.app.failure ?? null
    const reasons: string[] = []
    if (failure !== null) reasons.push('the stream has stopped')
    if (this.#waitsFor !== null) reasons.push(this.#reason(this.#waitsFor))
    const analytics = this.#analytics.health()
    if (analytics.state === 'refused') reasons.push(`analytics: ${analytics.reason ?? 'refused'}`)
    const seals = this.#stage.found?.writers?.sealer.status()
    if (seals?.state === 'broken') reasons.push(`audit: ${seals.reason ?? 'broken'}`)
    return { live: failure === null, ready: reasons.length === 0, reasons }
  }

  #reason(waitsFor: string): string {
    const { tasks, records, share } = this.#restoring.sum
    if (this.#stage.found !== null || tasks === 0) return waitsFor
    const percent = Math.floor(share * 100)
    return `${waitsFor}: ${records.toLocaleString('en')} records, ${percent} % of ${tasks} tasks`
  }

  #fail(error: unknown): void {
    this.#stopped ??= this.#stop([error])
  }

  /** Each part is stopped whatever becomes of the others; the first failure is told. */
  async #stop(failures: unknown[]): Promise<void> {
    this.#wake()
    if (this.#look !== null) clearTimeout(this.#look)
    const { directory, shared, duties } = this.#options
    const steps: readonly (() => Promise<unknown> | undefined)[] = [
      () => this.#http?.close(),
      () => this.#analytics.stop(),
      async () => this.#cluster?.members.close(),
      () => this.#stage.found?.close(),
      () => removeServerFile(directory),
      () => (duties ? removeServerFile(shared) : undefined),
    ]
    for (const step of steps)
      try {
        await step()
      } catch (error) {
        failures.push(error)
      }
    this.#isReady()
    this.#finish(failures[0])
  }
}

function analyticsLog(log: KafkaAppLog) {
  const { kind, brokers, security, prefix, foreignTopics } = log
  return {
    kind,
    brokers,
    ...(security === undefined ? {} : { security }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(foreignTopics === undefined ? {} : { foreignTopics }),
  }
}

/** The shop's definitions and model, where none were ever put in force on this log. */
async function activateWhereMissing(app: App): Promise<void> {
  const kinds = new Set<string>()
  for await (const value of readValues(app.log, TOPICS.control))
    kinds.add((JSON.parse(Buffer.from(value).toString('utf8')) as ControlRecord).kind)
  if (!kinds.has('definitions')) await activateDirectory(app, packagePath('examples/shop'))
  if (!kinds.has('model'))
    await activateModelFile(app, packagePath('examples/models/hillstrom-visit.json'))
}

/** Where the state of one of several processes of a machine lies. */
export const instanceDirectory = (data: string, instance: string): string =>
  join(data, 'instances', instance)
