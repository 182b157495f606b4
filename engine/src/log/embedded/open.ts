/** Opening the embedded log: as its one owner, or read-only from another process. */

import { LocalLog } from '../local/log.ts'
import type { Scheduler } from '../local/scheduler.ts'
import type { EventLog } from '../port.ts'
import { openEnvironment } from './environment.ts'
import { Housekeeping } from './housekeeping.ts'
import { takeOwnership } from './owner.ts'
import { LmdbStore } from './store.ts'

export interface EmbeddedLogOptions {
  readonly directory: string
  /** `disk`: a commit survives a power cut. `os`: it survives the process. Default `disk`. */
  readonly durability?: 'disk' | 'os'
  /** Bytes of address space to start with; it grows by itself. */
  readonly mapSize?: number
  /** ms since 1970. */
  readonly now?: () => number
  readonly scheduler?: Scheduler
  /** Largest key, value and headers of one record together, in bytes. Default 1 MiB. */
  readonly maxRecordBytes?: number
  /** Newest frames kept in memory, in bytes. Default 16 MiB. */
  readonly tailBytes?: number
  /** Least time between two passes of retention and compaction, in ms. Default 5,000. */
  readonly housekeepingMs?: number
  /** New bytes that make a compacted partition due. Default 64 MiB. */
  readonly compactBytes?: number
  /** Memory of one compaction pass for keys, in bytes. Default 64 MiB. */
  readonly compactionIndexBytes?: number
  /** How long a `revoked` listener may take, in ms. Default 3,000. */
  readonly revokeMs?: number
  /** How long the place of a member that closed without leaving is kept, in ms. Default 10,000. */
  readonly keepPlaceMs?: number
}

export interface EmbeddedLog extends EventLog {
  readonly kind: 'embedded'
  /**
   * Rewrites a partition keeping the last record of each key; one pass, bounded in memory.
   * @returns bytes freed
   */
  compact(topic: string, partition: number): Promise<number>
  /** One pass of retention and of compaction where it is due, now. */
  housekeep(): Promise<void>
}

const MIB = 1 << 20

/**
 * Opens (and creates) the log in `directory` as its one owner.
 * @throws log_owned, log_corrupt, log_full, frame_version
 */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  const environment = openEnvironment(options)
  try {
    const ownership = await takeOwnership(environment)
    // Readers that were killed hold on to old pages until their places are cleared.
    environment.root.readerCheck()
    const now = options.now ?? Date.now
    const housekeeping = new Housekeeping({
      now,
      everyMs: options.housekeepingMs ?? 5_000,
      compactBytes: options.compactBytes ?? 64 * MIB,
      indexBytes: options.compactionIndexBytes ?? 64 * MIB,
    })
    const store = new LmdbStore(environment, ownership, {
      tailBytes: options.tailBytes ?? 16 * MIB,
      afterCommit: () => housekeeping.tick(),
    })
    housekeeping.attach(store)
    return new OwnedLog(store, housekeeping, { ...options, now })
  } catch (error) {
    await environment.root.close()
    throw error
  }
}

class OwnedLog extends LocalLog implements EmbeddedLog {
  override readonly kind = 'embedded'
  readonly #store: LmdbStore
  readonly #housekeeping: Housekeeping

  constructor(
    store: LmdbStore,
    housekeeping: Housekeeping,
    options: Omit<EmbeddedLogOptions, 'directory'>,
  ) {
    super(store, { ...options, defer: setImmediate })
    this.#store = store
    this.#housekeeping = housekeeping
  }

  compact(topic: string, partition: number): Promise<number> {
    return this.#housekeeping.compact(this.#store.shelf(topic, partition))
  }

  housekeep(): Promise<void> {
    return this.#housekeeping.run()
  }

  override async close(): Promise<void> {
    await this.#housekeeping.stop()
    await super.close()
  }
}
