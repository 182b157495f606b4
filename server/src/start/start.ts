/**
 * `opportune start`: opens the data directory, puts definitions and model in force where none are,
 * starts analytics and HTTP, imports the demo data on the first start, and stays up.
 *
 * What can be asked is up before the import begins; ready says no until it is through. The command
 * returns as soon as HTTP answers, so that it can be stopped at any time.
 */
import { mkdirSync } from 'node:fs'
import type { Plan } from '#engine'
import { activeModel, CALL_SCHEMAS, definitions } from '#operators'
import type { Analytics } from '#sinks'
import { activateDirectory, activateModelFile } from '../app/activate.ts'
import type { App, AppOptions } from '../app/app.ts'
import { removeServerFile, writeServerFile } from '../cli/backend/server-file.ts'
import { DEFAULT_DATA } from '../cli/options.ts'
import type { ProgressState } from '../cli/progress.ts'
import { packageVersion } from '../cli/version.ts'
import { createHttpServer, type Health, type HttpServer, openCredentials } from '../http/index.ts'
import type { HttpPorts } from '../http/ports.ts'
import { packagePath } from '../package-root.ts'
import type { DemoFile } from './demo.ts'
import { FirstImport } from './first-import.ts'
import { logger } from './log.ts'
import { makeMetrics, scraper } from './metrics.ts'
import { PathCounts } from './path-counts.ts'
import { portsOf } from './ports.ts'
import { startAnalyticsFor } from './sides.ts'
import { CurrentStage, Stage, syncData } from './stage.ts'
import { welcome } from './welcome.ts'

export interface StartOptions {
  readonly directory: string
  readonly port: number
  readonly host: string
  /** Import the demo data on the first start. */
  readonly import: boolean
  readonly durability: 'disk' | 'os'
  readonly partitions: number
  readonly clickhouseUrl?: string
  /** Operators whose stored state may be lost, on purpose. */
  readonly dropState?: readonly string[]
  /** What is imported; absent: the shop and the samples that come with the product. */
  readonly demo?: readonly DemoFile[]
}

export interface StartIo {
  readonly out: (line: string) => void
  readonly progress: {
    readonly update: (state: ProgressState) => void
    readonly done: () => void
  }
}

export interface Running {
  readonly url: string
  stop(): Promise<void>
  /** Resolves when it is ready: restored, and what was to be imported is imported; or stopped. */
  readonly ready: Promise<void>
  /** Resolves after `stop`, rejects with what the stream or the import died of. */
  readonly done: Promise<void>
}

const DEMO: readonly DemoFile[] = [
  { path: packagePath('examples/data/online-retail.oretail'), format: 'online-retail' },
  { path: packagePath('examples/data/rees46-2019-oct-sample.csv.gz'), format: 'rees46' },
  { path: packagePath('examples/data/diginetica-sample.csv.gz'), format: 'diginetica' },
]

/** @throws log_owned, log_corrupt, state_vanished, http_port_in_use, definitions_refused, model_* */
export async function startCommand(options: StartOptions, io: StartIo): Promise<Running> {
  const { url, ready, done, product } = await Product.start(options, io)
  return { url, ready, done, stop: () => product.stop() }
}

class Product {
  #importing: boolean
  #catchingUp = true
  #stopped: Promise<void> | null = null
  #finish: (error?: unknown) => void = () => {}
  #askToStop: () => void = () => {}
  #ready: Promise<void> = Promise.resolve()
  #http: HttpServer | null = null
  readonly #done: Promise<void>
  readonly #stopAsked: Promise<void>
  readonly #options: StartOptions
  readonly #io: StartIo
  readonly #stage = new CurrentStage()
  readonly #metrics = makeMetrics()
  readonly #counts = new PathCounts((seconds) =>
    this.#metrics.observe('opportune_decision_latency_seconds', seconds),
  )
  readonly #analytics: Analytics
  readonly #firstImport: FirstImport

  private constructor(options: StartOptions, io: StartIo, firstImport: FirstImport) {
    const { directory, clickhouseUrl } = options
    this.#options = options
    this.#io = io
    this.#firstImport = firstImport
    this.#importing = firstImport.pending
    this.#analytics = startAnalyticsFor(directory, clickhouseUrl)
    this.#stopAsked = new Promise((resolve) => {
      this.#askToStop = resolve
    })
    this.#done = new Promise((resolve, reject) => {
      this.#finish = (error) => (error === undefined ? resolve() : reject(error))
    })
    // Whoever waits for it hears of it; that nobody does yet is no crash.
    this.#done.catch(() => {})
  }

  static async start(options: StartOptions, io: StartIo) {
    const { directory } = options
    mkdirSync(directory, { recursive: true })
    const firstImport = new FirstImport({
      directory,
      wanted: options.import,
      files: options.demo ?? DEMO,
      now: Date.now,
    })
    // The log first: where another process owns the directory, nothing else in it may be touched.
    let failed: (error: unknown) => void = () => {}
    const stage = await Stage.open(
      appOptions(options, { import: firstImport.pending, onFailure: (error) => failed(error) }),
    )
    const product = new Product(options, io, firstImport)
    product.#stage.set(stage)
    failed = (error) => product.#fail(error)
    try {
      const { url, writeKey } = await product.#open(stage)
      product.#ready = product.#getReady(stage, { url, writeKey })
      return { product, url, ready: product.#ready, done: product.#done }
    } catch (error) {
      await product.stop()
      throw error
    }
  }

  /** Until HTTP answers. */
  async #open(stage: Stage) {
    const { directory, host, port } = this.#options
    const { app } = stage
    await this.#firstImport.prepare(app)
    const metrics = this.#metrics
    await this.#counts.follow(app.log)
    app.run()
    await activate(app)
    const credentials = await openCredentials(directory)
    const scrape = scraper(metrics, {
      stage: this.#stage,
      analytics: this.#analytics,
      counts: this.#counts,
      ready: () => this.#health().ready,
    })
    this.#http = createHttpServer(this.#ports(app.plan, scrape), {
      version: packageVersion(),
      host,
      port,
      writeKeys: credentials.writeKeys,
      operatorToken: credentials.operatorToken,
      logger,
      observe: ({ method, route, status, seconds }) => {
        metrics.add('opportune_http_requests_total', 1, { method, route, status: String(status) })
        metrics.observe('opportune_http_request_duration_seconds', seconds, { route })
        if (status === TOO_MANY_REQUESTS) metrics.add('opportune_http_rate_limited_total', 1)
      },
      callSchemas: CALL_SCHEMAS,
    })
    const url = await this.#http.listen()
    await writeServerFile(directory, { url, pid: process.pid, version: packageVersion() })
    await stage.run(this.#counts, sampleFailed)
    const [writeKey = ''] = credentials.writeKeys
    this.#io.out(`Opportune ${packageVersion()} at ${url}, data in ${directory}`)
    if (credentials.created) this.#io.out(`write key for producers: ${writeKey}`)
    return { url, writeKey }
  }

  /** What is left after HTTP answers. Failing, it fails the whole; stopped, it ends early. */
  async #getReady(first: Stage, greeting: Greeting): Promise<void> {
    try {
      const stage = this.#importing ? await this.#import(first) : first
      while (this.#stopped === null && (await stage.app.worker.lag()) > 0)
        await stage.app.committed()
      if (this.#stopped !== null) return
      this.#catchingUp = false
      await Promise.race([this.#tablesLoaded(), this.#stopAsked])
      if (this.#stopped !== null) return
      await stage.decisions.follow()
      for (const line of welcomeOf(stage, this.#options, greeting)) this.#io.out(line)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** What is shown next are queries. Analytics that do not come up are told by /health/ready. */
  async #tablesLoaded(): Promise<void> {
    try {
      await this.#analytics.ready()
      await this.#analytics.flush()
    } catch (error) {
      if (this.#stopped === null) logger.warn({ err: error }, 'analytics are not there')
    }
  }

  /** @returns the stage after it */
  async #import(stage: Stage): Promise<Stage> {
    const { progress, out } = this.#io
    const imported = await this.#firstImport.run(stage.app, (state) => progress.update(state))
    progress.done()
    if (imported === null) return stage
    const next = this.#options.durability === 'disk' ? await this.#reopen(stage) : stage
    this.#firstImport.done()
    this.#importing = false
    const { events, seconds } = imported
    out(`imported ${events.toLocaleString('en')} events in ${seconds.toFixed(1)} s`)
    return next
  }

  async #reopen(stage: Stage): Promise<Stage> {
    this.#stage.set(null)
    await stage.close()
    syncData(this.#options.directory)
    const onFailure = (error: unknown): void => this.#fail(error)
    const next = await Stage.open(appOptions(this.#options, { import: false, onFailure }))
    this.#stage.set(next)
    next.app.run()
    await next.run(this.#counts, sampleFailed)
    return next
  }

  #ports(plan: Plan, metrics: HttpPorts['metrics']) {
    const stage = this.#stage
    const analytics = this.#analytics
    return portsOf({
      stage,
      plan,
      analytics,
      open: () => !this.#importing,
      now: Date.now,
      health: () => this.#health(),
      metrics,
      savepoint: async () =>
        (await import('../savepoint/index.ts')).takeSavepoint(stage.get().app, null),
    })
  }

  #health(): Health {
    const stage = this.#stage.found
    const stopped = stage !== null && stage.app.failure !== null
    const reasons: string[] = []
    if (stopped) reasons.push('the stream has stopped')
    if (this.#importing) reasons.push('the import is under way')
    else if (this.#catchingUp) reasons.push('catching up with what came in before the start')
    const analytics = this.#analytics.health()
    if (analytics.state === 'refused') reasons.push(`analytics: ${analytics.reason ?? 'refused'}`)
    const seals = stage?.writers?.sealer.status()
    if (seals?.state === 'broken') reasons.push(`audit: ${seals.reason ?? 'broken'}`)
    return { live: !stopped, ready: reasons.length === 0, reasons }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop([])
    return this.#stopped
  }

  /** Stops what still runs, and tells the cause then: the process can leave. */
  #fail(error: unknown): void {
    this.#stopped ??= this.#stop([error])
  }

  /** Each part is stopped whatever becomes of the others; the first failure is told. */
  async #stop(failures: unknown[]): Promise<void> {
    this.#askToStop()
    this.#firstImport.stop()
    const steps: readonly (() => Promise<unknown> | undefined)[] = [
      () => this.#ready,
      () => this.#http?.close(),
      () => this.#analytics.stop(),
      () => this.#stage.found?.close(),
      () => removeServerFile(this.#options.directory),
    ]
    for (const step of steps)
      try {
        await step()
      } catch (error) {
        failures.push(error)
      }
    this.#finish(failures[0])
  }
}

interface Greeting {
  readonly url: string
  readonly writeKey: string
}

const sampleFailed = (error: unknown): void =>
  logger.error({ err: error }, 'a sample of the rates failed')

function appOptions(
  options: StartOptions,
  how: { readonly import: boolean; readonly onFailure: (error: unknown) => void },
): AppOptions {
  return {
    directory: options.directory,
    log: { kind: 'embedded', durability: how.import ? 'os' : options.durability },
    partitions: options.partitions,
    build: packageVersion(),
    now: Date.now,
    onFailure: how.onFailure,
    ...(options.dropState === undefined ? {} : { dropState: options.dropState }),
  }
}

/** The shop's definitions and model, where none are in force. */
async function activate(app: App): Promise<void> {
  const lacksDefinitions = app.shared(definitions.id) === undefined
  const lacksModel = app.shared(activeModel.id) === undefined
  if (lacksDefinitions) await activateDirectory(app, packagePath('examples/shop'))
  if (lacksModel) await activateModelFile(app, packagePath('examples/models/hillstrom-visit.json'))
  // Before the first event can come: it should be met by them.
  if (lacksDefinitions || lacksModel) await app.settled()
}

function welcomeOf(stage: Stage, options: StartOptions, greeting: Greeting): readonly string[] {
  const latest = stage.decisions.latest(Number.MAX_SAFE_INTEGER)
  return welcome({
    ...greeting,
    directory: options.directory,
    defaultDirectory: DEFAULT_DATA,
    example: latest.find((decision) => decision.action === 'send') ?? latest[0] ?? null,
  })
}

const TOO_MANY_REQUESTS = 429
