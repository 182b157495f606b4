/**
 * The outbox channel: writes what would be sent to `<directory>/<date>.ndjson`, each message once.
 *
 * Owns: its files, and a position a partition, which stands nowhere but in the files. The first line
 * of a file is a header with the position of every partition when the file was begun; each further
 * line carries the partition and offset of its message. So the newest file alone tells where to go on.
 *
 * Q1 A message is one line, once, whatever happens: what a crash cut short at the end of the newest
 *    file is cut off, and the position goes back with it.
 * Q2 Lines are synced to the disk before the next batch is read: a power cut loses no line that was
 *    counted as written, and at most makes the last batch be written again in place of itself.
 * Q3 Files are named by the UTC date of writing, so that a finished day's file never changes; a clock
 *    that goes back does not reopen one.
 *
 * Failure: a full disk stops the channel, `status` says so; it goes on by itself once there is space.
 */
import { mkdirSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { type EventLog, type LogBatch, type LogReader } from '#engine'
import { type Recalled, recall } from './recall.ts'

export interface OutboxOptions {
  readonly log: Pick<EventLog, 'topics' | 'bounds' | 'reader' | 'onAppend'>
  /** Default `outbox`. */
  readonly topic?: string
  readonly directory: string
  /** Wall clock, ms: names the file. */
  readonly now: () => number
}

export interface OutboxStatus {
  readonly state: 'writing' | 'failing' | 'stopped'
  readonly lastError: string | null
  /** Messages written by this process. */
  readonly written: number
}

export interface OutboxChannel {
  /** Writes everything that is committed now. @returns messages written */
  drain(): Promise<number>
  status(): OutboxStatus
  stop(): Promise<void>
}

const BATCH = { maxRecords: 1_000, maxBytes: 1 << 20 }
const RETRY_MS = 1_000

/** @throws outbox_corrupt */
export function startOutbox(options: OutboxOptions): OutboxChannel {
  const channel = new FileOutbox(options)
  channel.start()
  return channel
}

class FileOutbox implements OutboxChannel {
  readonly #options: OutboxOptions
  readonly #topic: string
  readonly #reader: LogReader
  #recalled: Recalled
  #file: { readonly handle: FileHandle; readonly date: string } | undefined
  #written = 0
  #lastError: string | null = null
  #stopped = false
  #running: Promise<unknown> = Promise.resolve()
  #queued = false
  #stopListening: () => void = () => {}
  #retry: NodeJS.Timeout | undefined

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#topic = options.topic ?? 'outbox'
    mkdirSync(options.directory, { recursive: true })
    this.#recalled = recall(options.directory)
    this.#reader = options.log.reader()
  }

  start(): void {
    this.#stopListening = this.#options.log.onAppend([this.#topic], () => this.#wake())
    this.#wake()
  }

  drain(): Promise<number> {
    const next = this.#running.then(() => this.#drainOnce())
    this.#running = next.catch(() => {})
    return next
  }

  status(): OutboxStatus {
    const state = this.#stopped ? 'stopped' : this.#lastError === null ? 'writing' : 'failing'
    return { state, lastError: this.#lastError, written: this.#written }
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopListening()
    clearTimeout(this.#retry)
    this.#stopped = true
    await this.#running
    await this.#reader.close()
    await this.#close()
  }

  #wake(): void {
    if (this.#queued || this.#stopped) return
    this.#queued = true
    this.drain().catch(() => {
      if (!this.#stopped) this.#retry = setTimeout(() => this.#wake(), RETRY_MS)
    })
  }

  async #drainOnce(): Promise<number> {
    this.#queued = false
    if (this.#stopped) return 0
    const before = this.#written
    try {
      const topics = await this.#options.log.topics()
      const partitions = topics.find(({ name }) => name === this.#topic)?.partitions ?? 0
      for (let partition = 0; partition < partitions; partition++)
        await this.#drainPartition(partition)
      this.#lastError = null
    } catch (error) {
      this.#lastError = error instanceof Error ? error.message : String(error)
      // How much of the batch reached the file is unknown: the file says.
      await this.#close()
      this.#recalled = recall(this.#options.directory)
      throw error
    }
    return this.#written - before
  }

  async #drainPartition(partition: number): Promise<void> {
    for (;;) {
      const { positions } = this.#recalled
      const from = positions.get(partition) ?? 0
      const batch = await this.#reader.read({ topic: this.#topic, partition }, from, BATCH)
      if (batch === undefined) return
      await this.#write(batch)
      positions.set(partition, batch.nextOffset)
      this.#written += batch.length
    }
  }

  async #write(batch: LogBatch): Promise<void> {
    const handle = await this.#today()
    let lines = ''
    for (let i = 0; i < batch.length; i++) lines += lineOf(batch, i)
    await append(handle, lines)
  }

  async #today(): Promise<FileHandle> {
    const { directory, now } = this.#options
    const today = new Date(now()).toISOString().slice(0, 10)
    const { newest, positions } = this.#recalled
    const date = newest !== undefined && newest > today ? newest : today
    if (this.#file?.date === date) return this.#file.handle
    await this.#close()
    const handle = await open(join(directory, `${date}.ndjson`), 'a+', 0o600)
    this.#file = { handle, date }
    this.#recalled = { newest: date, positions }
    if ((await handle.stat()).size === 0) await append(handle, headerOf(positions))
    return handle
  }

  async #close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.handle.close()
  }
}

/** The whole text and on the disk, or nothing of it. Off the thread on which decisions are made. */
async function append(handle: FileHandle, text: string): Promise<void> {
  const { size } = await handle.stat()
  try {
    await handle.appendFile(text)
    await handle.datasync()
  } catch (error) {
    await handle.truncate(size)
    throw error
  }
}

const headerOf = (positions: ReadonlyMap<number, number>): string =>
  `${JSON.stringify({ outbox: 1, positions: Object.fromEntries(positions) })}\n`

/** The message stays the bytes it is; a value that is not one JSON text is kept as a string. */
function lineOf(batch: LogBatch, index: number): string {
  const value = Buffer.from(batch.value(index) ?? []).toString('utf8')
  const message = isJson(value) ? value : JSON.stringify(value)
  const at = new Date(batch.timestamp(index)).toISOString()
  return `{"partition":${batch.partition},"offset":${batch.offset(index)},"at":"${at}","message":${message}}\n`
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return !text.includes('\n')
  } catch {
    return false
  }
}
