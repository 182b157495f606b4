/**
 * `opportune start`: opens the data directory, puts definitions and model in force, starts analytics
 * and HTTP, imports the demo data on the first start, and stays up.
 *
 * What can be asked is up before the import begins; ready says no until it is through.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { days } from '#engine'
import { CALL_SCHEMAS } from '#operators'
import type { Metrics } from '#sinks'
import { activateDirectory, activateModelFile } from '../app/activate.ts'
import { App } from '../app/app.ts'
import { removeServerFile, writeServerFile } from '../cli/backend/server-file.ts'
import type { ProgressState } from '../cli/progress.ts'
import { packageVersion } from '../cli/version.ts'
import { createHttpServer, type Health, type HttpServer, openCredentials } from '../http/index.ts'
import { packagePath } from '../package-root.ts'
import { feed, holdTime } from '../replay/feed.ts'
import { target } from '../replay/replay.ts'
import { DecisionTail } from './decision-tail.ts'
import { demoImport } from './demo.ts'
import { logger } from './log.ts'
import { makeMetrics, scraper } from './metrics.ts'
import { portsOf } from './ports.ts'
import { RateMeter } from './rates.ts'
import { type SideParts, startSides, stopSides } from './sides.ts'

export interface StartOptions {
  readonly directory: string
  readonly port: number
  readonly host: string
  /** Import the demo data on the first start. */
  readonly import: boolean
  readonly durability: 'disk' | 'os'
  readonly partitions: number
  readonly clickhouseUrl?: string
}

export interface StartIo {
  out(line: string): void
  readonly progress: { update(state: ProgressState): void; done(): void }
}

export interface Running {
  stop(): Promise<void>
  /** Resolves after `stop`, rejects with what the stream died of. */
  readonly done: Promise<void>
}

/** The last weeks of the demo data are live: decisions are made. */
const LIVE_DAYS = 14

/** @throws log_owned, log_corrupt, http_port_in_use, definitions_refused, model_* */
export async function startCommand(options: StartOptions, io: StartIo): Promise<Running> {
  const product = await Product.start(options, io)
  return { stop: () => product.stop(), done: product.done }
}

class Product {
  readonly done: Promise<void>
  #finish: (error?: unknown) => void = () => {}
  #importing = false
  #stopped: Promise<void> | null = null
  readonly #options: StartOptions
  readonly #io: StartIo
  readonly #app: App
  readonly #sides: SideParts
  readonly #decisions: DecisionTail
  readonly #meter: RateMeter
  #http: HttpServer | null = null

  private constructor(options: StartOptions, io: StartIo, app: App, sides: SideParts) {
    this.#options = options
    this.#io = io
    this.#app = app
    this.#sides = sides
    this.done = new Promise((resolve, reject) => {
      this.#finish = (error) => (error === undefined ? resolve() : reject(error))
    })
    this.#decisions = new DecisionTail(app)
    this.#meter = new RateMeter(app, this.#decisions)
  }

  static async start(options: StartOptions, io: StartIo): Promise<Product> {
    mkdirSync(options.directory, { recursive: true })
    let failed: (error: unknown) => void = () => {}
    const app = await App.open({
      directory: options.directory,
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
    const product = new Product(options, io, app, sides)
    failed = (error) => product.#finish(error)
    try {
      await product.#begin()
    } catch (error) {
      await product.stop()
      throw error
    }
    return product
  }

  async #begin(): Promise<void> {
    const { directory, host, port } = this.#options
    this.#importing = this.#options.import && !imported(directory)
    if (this.#importing && (await this.#app.importEnd()) === 0)
      await this.#app.appendImport([holdTime()])
    this.#app.run()
    await activateDirectory(this.#app, packagePath('examples/shop'))
    await activateModelFile(this.#app, packagePath('examples/models/hillstrom-visit.json'))
    await this.#app.settled()
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
      },
      callSchemas: CALL_SCHEMAS,
    })
    const url = await this.#http.listen()
    await writeServerFile(directory, { url, pid: process.pid, version: packageVersion() })
    await this.#meter.start((error) => logger.error({ err: error }, 'a sample of the rates failed'))
    this.#io.out(`Opportune ${packageVersion()} at ${url}`)
    if (credentials.created) this.#io.out(`write key for producers: ${credentials.writeKeys[0]}`)
    if (this.#importing) await this.#import()
    this.#where(url)
  }

  async #import(): Promise<void> {
    const started = performance.now()
    const plan = importPlan(this.#options.directory)
    const demo = demoImport(
      {
        onlineRetail: packagePath('examples/data/online-retail.oretail'),
        rees46: packagePath('examples/data/rees46-2019-oct-sample.csv.gz'),
        diginetica: packagePath('examples/data/diginetica-sample.csv.gz'),
      },
      plan.endAt,
    )
    const { progress } = this.#io
    const { read } = await feed(demo.records(), target(this.#app), {
      liveFrom: plan.endAt - days(LIVE_DAYS),
      end: true,
      onProgress: (done) => {
        const total = demo.readers.reduce((sum, r) => sum + (r.progress.expected ?? 0), 0)
        progress.update({ label: 'importing the demo shop', done, total, unit: 'events' })
      },
    })
    progress.done()
    writeFileSync(planPath(this.#options.directory), JSON.stringify({ ...plan, done: true }))
    this.#importing = false
    const seconds = (performance.now() - started) / 1_000
    this.#io.out(`imported ${read.toLocaleString('en')} events in ${seconds.toFixed(1)} s`)
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
    const analytics = this.#sides.analytics.health()
    if (analytics.state === 'refused') reasons.push(`analytics: ${analytics.reason ?? 'refused'}`)
    const seals = this.#sides.sealer.status()
    if (seals.state === 'broken') reasons.push(`audit: ${seals.reason ?? 'broken'}`)
    return { live: this.#app.failure === null, ready: reasons.length === 0, reasons }
  }

  #where(url: string): void {
    const { out } = this.#io
    out('')
    out(`  look      ${url}`)
    out(`  metrics   ${url}/metrics`)
    out(`  ask       ./bin/opportune query "select outcome, count() from decisions group by outcome"`)
    out('  a customer   ./bin/opportune profile 12748')
    out('  a decision   ./bin/opportune decisions --limit 5, then ./bin/opportune why ID')
    out(`  send      curl -u WRITE_KEY: ${url}/v1/track -H 'content-type: application/json' \\`)
    out(`              -d '{"userId":"42","event":"Product Viewed","properties":{"product_id":"85123A"}}'`)
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#meter.stop()
    await this.#http?.close()
    await stopSides(this.#sides)
    await this.#app.stop()
    await removeServerFile(this.#options.directory)
    this.#finish()
  }
}

interface ImportPlan {
  /** ms since 1970; chosen at the first start, so that a later one goes on with the same times. */
  readonly endAt: number
  readonly done?: boolean
}

const planPath = (directory: string): string => join(directory, 'import.json')

function importPlan(directory: string): ImportPlan {
  const path = planPath(directory)
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as ImportPlan
  const plan = { endAt: Date.now() - days(1) }
  writeFileSync(path, JSON.stringify(plan))
  return plan
}

const imported = (directory: string): boolean =>
  existsSync(planPath(directory)) && importPlan(directory).done === true
