/**
 * The import of the first start: the demo's events into a new data directory, once.
 *
 * FI1 What is imported, and at which times, is written down before the first event (`import.json`): an
 *    import that was stopped or killed goes on where it was, to the same outcome (feed.ts, D1).
 * FI2 Only a new data directory is imported into. Time that live events have moved on does not go back
 *    for a file, and nobody wants a demo's customers among her own.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { days, type Millis } from '#engine'
import type { App } from '../app/app.ts'
import type { ProgressState } from '../cli/progress.ts'
import { feed, holdTime, letTimeGo } from '../replay/feed.ts'
import { target } from '../replay/replay.ts'
import { type DemoFile, demoImport } from './demo.ts'

interface ImportPlan {
  /** ms since 1970: the date that the demo's data end on. */
  readonly endAt: Millis
  readonly state: 'under way' | 'done' | 'declined'
}

export interface FirstImportOptions {
  readonly directory: string
  readonly wanted: boolean
  readonly files: readonly DemoFile[]
  readonly now: () => Millis
}

export interface Imported {
  readonly events: number
  readonly seconds: number
}

/** The last weeks of the data are live: decisions are made. */
const LIVE_DAYS = 14

export class FirstImport {
  readonly #options: FirstImportOptions
  readonly #abort = new AbortController()
  #plan: ImportPlan

  constructor(options: FirstImportOptions) {
    this.#options = options
    this.#plan = readPlan(options) ?? newPlan(options)
  }

  /** Whether there is something (left) to import. */
  get pending(): boolean {
    return this.#plan.state === 'under way' && this.#options.wanted
  }

  /** Before the engine runs: what is not in the topic by then does not hold time back. */
  async prepare(app: App): Promise<void> {
    if (this.pending && (await app.importEnd()) === 0) await app.appendImport([holdTime()])
    if (this.#plan.state !== 'under way' || this.#options.wanted) return
    // Begun and then no longer wanted: without an end it would hold time back for ever.
    await app.appendImport(letTimeGo(this.#options.now()))
    this.#conclude('declined')
  }

  /** Imports what is left; `done` is to be called once that is durable. @returns null where `stop` came first */
  async run(app: App, progress: (state: ProgressState) => void): Promise<Imported | null> {
    const started = performance.now()
    const { endAt } = this.#plan
    const demo = demoImport(this.#options.files, endAt)
    const { read } = await feed(demo.records(), target(app), {
      liveFrom: endAt - days(LIVE_DAYS),
      end: true,
      signal: this.#abort.signal,
      onProgress: (done) =>
        progress({
          label: 'importing the demo shop',
          done,
          total: demo.expected(),
          unit: 'events',
        }),
    })
    if (this.#abort.signal.aborted) return null
    return { events: read, seconds: (performance.now() - started) / 1_000 }
  }

  done(): void {
    this.#conclude('done')
  }

  #conclude(state: 'done' | 'declined'): void {
    this.#plan = { ...this.#plan, state }
    writePlan(this.#options.directory, this.#plan)
  }

  stop(): void {
    this.#abort.abort()
  }
}

const pathIn = (directory: string): string => join(directory, 'import.json')

function readPlan({ directory }: FirstImportOptions): ImportPlan | null {
  const path = pathIn(directory)
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as ImportPlan) : null
}

function newPlan({ directory, wanted, now }: FirstImportOptions): ImportPlan {
  const isNew = !existsSync(join(directory, 'log'))
  const plan: ImportPlan = {
    endAt: now() - days(1),
    state: wanted && isNew ? 'under way' : 'declined',
  }
  writePlan(directory, plan)
  return plan
}

/** Replaced as a whole: a kill leaves the old one or the new one. */
function writePlan(directory: string, plan: ImportPlan): void {
  const draft = `${pathIn(directory)}.draft`
  writeFileSync(draft, `${JSON.stringify(plan)}\n`)
  renameSync(draft, pathIn(directory))
}
