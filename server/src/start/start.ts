/**
 * `opportune start`: opens the data directory, puts definitions and model in force where none are,
 * starts analytics and HTTP, imports the demo data on the first start, and stays up.
 *
 * What can be asked is up before the import begins; ready says no until it is through. The command
 * returns as soon as HTTP answers, so that it can be stopped at any time.
 */
import { mkdirSync } from 'node:fs'
import { activeModel, CALL_SCHEMAS, definitions } from '#operators'
import type { Metrics } from '#sinks'
import { activateDirectory, activateModelFile } from '../app/activate.ts'
import { App } from '../app/app.ts'
import { removeServerFile, writeServerFile } from '../cli/backend/server-file.ts'
import { DEFAULT_DATA } from '../cli/options.ts'
import type { ProgressState } from '../cli/progress.ts'
import { packageVersion } from '../cli/version.ts'
import { createHttpServer, type Health, type HttpServer, openCredentials } from '../http/index.ts'
import { packagePath } from '../package-root.ts'
import { DecisionTail } from './decision-tail.ts'
import type { DemoFile } from './demo.ts'
import { FirstImport } from './first-import.ts'
import { logger } from './log.ts'
import { makeMetrics, scraper } from './metrics.ts'
import { portsOf } from './ports.ts'
import { RateMeter } from './rates.ts'
import { type SideParts, startSides, stopSides } from './sides.ts'
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
  /** What is imported; absent: the shop and the samples that come with the product. */
  readonly demo?: readonly DemoFile[]
}

export interface StartIo {
  out(line: string): void
  readonly progress: { update(state: ProgressState): void; done(): void }
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

/** @throws log_owned, log_corrupt, http_port_in_use, definitions_refused, model_* */
export async function startCommand(options: StartOptions, io: StartIo): Promise<Running> {
  const { url, ready, done, product } = await Product.start(options, io)
  return { url, ready, done, stop: () => product.stop() }
}

interface Parts {
  readonly app: App
  readonly sides: SideParts
  readonly firstImport: FirstImport
}

class Product {
  #importing: boolean
  #catchingUp = true
  #stopped: Promise<void> | null = null
  #finish: (error?: unknown) => void = () => {}
  #ready: Promise<void> = Promise.resolve()
  readonly #done: Promise<void>
  readonly #options: StartOptions
  readonly #io: StartIo
  readonly #app: App
  readonly #sides: SideParts
  readonly #firstImport: FirstImport
  readonly #decisions: DecisionTail
  readonly #meter: RateMeter
  #http: HttpServer | null = null

  private constructor(options: StartOptions, io: StartIo, parts: Parts) {
    this.#options = options
    this.#io = io
    this.#app = parts.app
    this.#sides = parts.sides
    this.#firstImport = parts.firstImport
    this.#importing = parts.firstImport.pending
    this.#done = new Promise((resolve, reject) => {
      this.#finish = (error) => (error === undefined ? resolve() : reject(error))
    })
    this.#decisions = new DecisionTail(parts.app)
    this.#meter = new RateMeter(parts.app, this.#decisions)
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
    let failed: (error: unknown) => void = () => {}
    const app = await App.open({
      directory,
      durability: options.durability,
      partitions: options.partitions,
      build: packageVersion(),
      now: Date.now,
      onFailure: (error) => failed(error),
    })
    const sides = await startSides(app, options).catch(async (error: unknown) => {
      await app.stop()
      throw error
    })
    const product = new Product(options, io, { app, sides, firstImport })
    failed = (error) => product.#finish(error)
    try {
      const { url, writeKey } = await product.#open()
      product.#ready = product.#getReady(url, writeKey)
      return { product, url, ready: product.#ready, done: product.#done }
    } catch (error) {
      await product.stop()
      throw error
    }
  }

  /** Until HTTP answers. */
  async #open() {
    const { directory, host, port } = this.#options
    await this.#firstImport.prepare(this.#app)
    this.#app.run()
    await this.#activate()
    const credentials = await openCredentials(directory)
    const metrics = makeMetrics()
    this.#http = createHttpServer(this.#ports(metrics), {
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
    await this.#meter.start((error) => logger.error({ err: error }, 'a sample of the rates failed'))
    const [writeKey = ''] = credentials.writeKeys
    this.#io.out(`Opportune ${packageVersion()} at ${url}, data in ${directory}`)
    if (credentials.created) this.#io.out(`write key for producers: ${writeKey}`)
    return { url, writeKey }
  }

  /** The shop's definitions and model, where none are in force. */
  async #activate(): Promise<void> {
    const app = this.#app
    if (app.shared(definitions.id) === undefined)
      await activateDirectory(app, packagePath('examples/shop'))
    else if (app.shared(activeModel.id) !== undefined) return
    if (app.shared(activeModel.id) === undefined)
      await activateModelFile(app, packagePath('examples/models/hillstrom-visit.json'))
    // Before the first event can come: it should be met by them.
    await app.settled()
  }

  /** What is left after HTTP answers. Failing, it fails the whole; stopped, it ends early. */
  async #getReady(url: string, writeKey: string): Promise<void> {
    try {
      await this.#import()
      while (this.#stopped === null && (await this.#app.worker.lag()) > 0)
        await this.#app.committed()
      this.#catchingUp = false
      if (this.#stopped !== null) return
      await this.#decisions.follow()
      this.#welcome(url, writeKey)
    } catch (error) {
      this.#finish(error)
    }
  }

  async #import(): Promise<void> {
    if (!this.#importing) return
    const { progress, out } = this.#io
    const imported = await this.#firstImport.run(this.#app, (state) => progress.update(state))
    progress.done()
    if (imported === null) return
    this.#importing = false
    const { events, seconds } = imported
    out(`imported ${events.toLocaleString('en')} events in ${seconds.toFixed(1)} s`)
  }

  #ports(metrics: Metrics) {
    const app = this.#app
    const sides = this.#sides
    return portsOf({
      app,
      analytics: sides.analytics,
      decisions: this.#decisions,
      meter: this.#meter,
      health: () => this.#health(),
      metrics: scraper(metrics, { app, sides, ready: () => this.#health().ready }),
      savepoint: async () => (await import('../savepoint/index.ts')).takeSavepoint(app, null),
    })
  }

  #health(): Health {
    const reasons: string[] = []
    if (this.#app.failure !== null) reasons.push('the stream has stopped')
    if (this.#importing) reasons.push('the import is under way')
    else if (this.#catchingUp) reasons.push('catching up with what came in before the start')
    const analytics = this.#sides.analytics.health()
    if (analytics.state === 'refused') reasons.push(`analytics: ${analytics.reason ?? 'refused'}`)
    const seals = this.#sides.sealer.status()
    if (seals.state === 'broken') reasons.push(`audit: ${seals.reason ?? 'broken'}`)
    return { live: this.#app.failure === null, ready: reasons.length === 0, reasons }
  }

  #welcome(url: string, writeKey: string): void {
    const latest = this.#decisions.latest(Number.MAX_SAFE_INTEGER)
    const lines = welcome({
      url,
      directory: this.#options.directory,
      defaultDirectory: DEFAULT_DATA,
      writeKey,
      example: latest.find((decision) => decision.action === 'send') ?? latest[0] ?? null,
    })
    for (const line of lines) this.#io.out(line)
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  /** Each part is stopped whatever became of the others; the first failure is told. */
  async #stop(): Promise<void> {
    this.#firstImport.stop()
    const steps = [
      () => this.#ready,
      () => this.#meter.stop(),
      () => this.#http?.close(),
      () => stopSides(this.#sides),
      () => this.#app.stop(),
      () => removeServerFile(this.#options.directory),
    ]
    const failures: unknown[] = []
    for (const step of steps)
      try {
        await step()
      } catch (error) {
        failures.push(error)
      }
    this.#finish(failures[0])
  }
}

const TOO_MANY_REQUESTS = 429
