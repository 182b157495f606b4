/**
 * The app as the rest of the process sees it: one after the other, because the first import runs in an
 * app that leaves syncing to the system (a day's stand-still costs several commits, and there are
 * hundreds), and everything after it in one that does not. Nothing from outside is acknowledged
 * before that, and the import is only called done when its files are on the disk.
 */
import { closeSync, fsyncSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { OpportuneError } from '#engine'
import { App, type AppOptions } from '../app/app.ts'
import { DecisionTail } from './decision-tail.ts'
import type { PathCounts } from './path-counts.ts'
import { RateMeter } from './rates.ts'
import { startWriters, stopWriters, type Writers } from './sides.ts'

export class Stage {
  readonly app: App
  readonly decisions: DecisionTail
  readonly meter: RateMeter
  writers: Writers | null = null
  #unwatch: () => void = () => {}

  private constructor(app: App) {
    this.app = app
    this.decisions = new DecisionTail(app)
    this.meter = new RateMeter(app, this.decisions)
  }

  static async open(options: AppOptions): Promise<Stage> {
    return new Stage(await App.open(options))
  }

  /**
   * Starts what reads the app's topics.
   * @param counts null: another process of the same log counts, seals and writes the outbox
   * @param directory where the writers keep what is theirs, where that is not the app's directory
   */
  async run(
    counts: PathCounts | null,
    onError: (error: unknown) => void,
    directory?: string,
  ): Promise<void> {
    if (counts !== null) {
      this.#unwatch = counts.watch(this.app.log)
      this.writers = await startWriters(this.app, directory)
    }
    await this.meter.start(onError)
  }

  /** Each part is stopped whatever becomes of the others. @throws the first failure */
  async close(): Promise<void> {
    this.meter.stop()
    this.#unwatch()
    const writers = this.writers
    this.writers = null
    try {
      if (writers !== null) await stopWriters(writers)
    } finally {
      await this.app.stop()
    }
  }
}

/** Makes durable what a closed app left to the system. */
export function syncData(directory: string): void {
  for (const part of ['log', 'state']) {
    const file = openSync(join(directory, part, 'data.mdb'), 'r+')
    try {
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  }
}

/** Where the current stage is found; nothing can be asked between two of them. */
export class CurrentStage {
  readonly #absent: OpportuneError
  #stage: Stage | null = null

  /** @param absent what is told while there is none */
  constructor(absent = new OpportuneError('server_importing', 'It ends just now.')) {
    this.#absent = absent
  }

  set(stage: Stage | null): void {
    this.#stage = stage
  }

  /** Null between two. */
  get found(): Stage | null {
    return this.#stage
  }

  /** @throws server_importing, or as the constructor was told */
  get(): Stage {
    if (this.#stage === null) throw this.#absent
    return this.#stage
  }
}
