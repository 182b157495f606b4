/** Runs a file through an engine of its own and tells what came of it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hours, type Millis } from '#engine'
import { activateDirectory, activateModelFile } from '../app/activate.ts'
import { App, type AppOptions } from '../app/app.ts'
import { type ImportFormat, type ImportProgress, openImport } from '../imports/index.ts'
import { feed } from './feed.ts'
import { type RunSummary, summarise } from './summary.ts'

export interface ReplayOptions {
  readonly file: string
  readonly format: ImportFormat
  /** Where the engine keeps its data; absent: a place of its own, removed afterwards. */
  readonly directory?: string
  readonly partitions?: number
  /** Records per slice. */
  readonly batch?: number
  readonly definitions: string
  /** null: without a model. */
  readonly model: string | null
  /** Event time from which records are live; absent: all are. */
  readonly liveFrom?: Millis
  /** Operators whose stored state in `directory` may be lost, on purpose. */
  readonly dropState?: readonly string[]
  readonly onStep?: NonNullable<AppOptions['onStep']>
  readonly onProgress?: (progress: Readonly<ImportProgress>) => void
}

export interface ReplayResult extends RunSummary {
  readonly read: number
  readonly seconds: number
  readonly events_per_second: number
}

/** How far time goes on after the last event: sessions close, carts are abandoned. */
const TAIL = hours(24)

export async function replay(options: ReplayOptions): Promise<ReplayResult> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'opportune-replay-'))
  const app = await App.open({
    directory,
    log: { kind: 'embedded', durability: options.directory === undefined ? 'os' : 'disk' },
    partitions: options.partitions ?? 4,
    build: 'replay',
    now: Date.now,
    live: false,
    ...(options.batch === undefined
      ? {}
      : { slice: { maxRecords: options.batch, maxBytes: 4 << 20 } }),
    ...(options.onStep === undefined ? {} : { onStep: options.onStep }),
    ...(options.dropState === undefined ? {} : { dropState: options.dropState }),
  })
  const started = process.hrtime.bigint()
  try {
    app.run()
    await activateDirectory(app, options.definitions)
    if (options.model !== null) await activateModelFile(app, options.model)
    await app.settled()
    const reader = openImport(options.file, { format: options.format })
    const { read } = await feed(reader.records(), target(app), {
      tail: TAIL,
      ...(options.batch === undefined ? {} : { batch: options.batch }),
      ...(options.liveFrom === undefined ? {} : { liveFrom: options.liveFrom }),
      onProgress: () => options.onProgress?.(reader.progress),
    })
    const seconds = Number(process.hrtime.bigint() - started) / 1e9
    const summary = await summarise(app.log)
    return { read, ...summary, seconds, events_per_second: Math.round(read / seconds) }
  } finally {
    await app.stop()
    if (options.directory === undefined) rmSync(directory, { recursive: true, force: true })
  }
}

export const target = (app: App) => ({
  end: () => app.importEnd(),
  append: (records: Parameters<App['appendImport']>[0]) => app.appendImport(records),
  settled: () => app.settled(),
})
