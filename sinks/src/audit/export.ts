/**
 * Writing an export of the audit (AUD-4): the records of a range as they are stored, with the seals
 * that prove them. Reads a log beside its owner; the file is new, and readable by its owner alone,
 * because decisions hold personal data.
 *
 * A range begins behind the last sealed record before it and ends at the first one after it, where
 * there are such: between two seals nothing can be left out unnoticed. So an export may hold more
 * than was asked for, never less.
 */
import { createHash } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import type { EventLog, LogReader } from '#engine'
import {
  digestLine,
  EXPORT_HEAD,
  type ExportedChain,
  type ExportManifest,
  manifestLine,
  recordLine,
} from './export-format.ts'
import { chainRecords } from './read.ts'
import { decodeRecord } from './record.ts'
import { decodeSeal, type Seal, type SealedHead } from './seal.ts'

export interface ExportOptions {
  readonly log: Pick<EventLog, 'topics' | 'bounds'> & { reader(): LogReader }
  /** Must not exist. */
  readonly file: string
  /** All seals, as they were written, the first one first. */
  readonly seals: readonly string[]
  /** ms since 1970. */
  readonly now: number
  /** Task times, ms since 1970: from inclusive, to exclusive. */
  readonly from?: number
  readonly to?: number
  readonly topic?: string
  readonly onProgress?: (records: number) => void
}

export interface Exported {
  readonly records: number
  readonly bytes: number
  readonly manifest: ExportManifest
}

/** @throws audit_seal_invalid, log_corrupt; the file system's own errors (EEXIST, ENOSPC) */
export async function writeExport(options: ExportOptions): Promise<Exported> {
  const target = await ExportFile.create(options.file)
  const reader = options.log.reader()
  try {
    const written = await writeAll(options, reader, target)
    await target.close()
    return written
  } catch (error) {
    await target.discard()
    throw error
  } finally {
    await reader.close()
  }
}

async function writeAll(
  options: ExportOptions,
  reader: LogReader,
  target: ExportFile,
): Promise<Exported> {
  const { log, topic = 'decisions', from = null, to = null, now } = options
  const seals = options.seals.map(decodeSeal)
  const partitions = (await log.topics()).find((spec) => spec.name === topic)?.partitions ?? 0
  const chains: ExportedChain[] = []
  let records = 0
  await target.write(EXPORT_HEAD)
  for (let partition = 0; partition < partitions; partition++) {
    const place = { topic, partition }
    const range = await rangeOf(reader, place, { from, to, heads: headsOf(seals, place) })
    if (range === undefined) continue
    const chain = new ChainNotes(`${topic}/${partition}`)
    for await (const record of chainRecords(reader, { ...place, ...range })) {
      await target.write(recordLine(record), record.bytes, '\n')
      chain.add(record.bytes)
      records++
      options.onProgress?.(records)
    }
    chains.push(...chain.exported())
  }
  const lines = options.seals.slice(...sealsFor(chains, seals))
  const manifest: ExportManifest = { format: 1, exported_at: now, from, to, chains, seals: lines }
  const json = Buffer.from(JSON.stringify(manifest))
  await target.write(manifestLine(json), json, '\n')
  return { records, bytes: await target.finish(), manifest }
}

const headsOf = (
  seals: readonly Seal[],
  { topic, partition }: { readonly topic: string; readonly partition: number },
): readonly SealedHead[] =>
  seals.flatMap(({ heads }) => heads.filter((head) => head.chain === `${topic}/${partition}`))

interface Asked {
  readonly from: number | null
  readonly to: number | null
  readonly heads: readonly SealedHead[]
}

/** Offsets to export of one chain; undefined: it has no record in the range. */
async function rangeOf(
  reader: LogReader,
  place: { readonly topic: string; readonly partition: number },
  { from, to, heads }: Asked,
): Promise<{ readonly from: number; readonly to: number } | undefined> {
  if (from === null && to === null) return { from: 0, to: Number.POSITIVE_INFINITY }
  let first: number | undefined
  let end = 0
  for await (const { offset, bytes } of chainRecords(reader, place)) {
    const now = decodeRecord(bytes)?.header.now
    // Task time does not go back: a record that does not read belongs with those around it.
    if (now === undefined || (from !== null && now < from)) continue
    if (to !== null && now >= to) break
    first ??= offset
    end = offset + 1
  }
  if (first === undefined) return undefined
  const start = heads.findLast(({ next }) => next <= (first as number))?.next ?? 0
  const sealed = heads.find(({ next }) => next >= end)?.next
  return { from: start, to: sealed ?? (to === null ? Number.POSITIVE_INFINITY : end) }
}

/** What the manifest says of a chain, noted while its records pass. */
class ChainNotes {
  readonly #chain: string
  #records = 0
  #first: ExportedChain['first'] | undefined
  #last: ExportedChain['last'] | undefined

  constructor(chain: string) {
    this.#chain = chain
  }

  add(bytes: Uint8Array): void {
    const record = decodeRecord(bytes)
    const seq = record?.header.seq ?? (this.#last?.seq ?? -1) + 1
    this.#records++
    this.#first ??= { seq, prev: record?.header.prev ?? '' }
    this.#last = { seq, hash: record?.hash ?? '' }
  }

  exported(): readonly ExportedChain[] {
    if (this.#first === undefined || this.#last === undefined) return []
    const { first, last } = { first: this.#first, last: this.#last }
    return [{ chain: this.#chain, records: this.#records, first, last }]
  }
}

/** Which seals (from, to): from the last that lies before all of the chains to the first that covers all. */
function sealsFor(
  chains: readonly ExportedChain[],
  seals: readonly Seal[],
): readonly [from: number, to: number] {
  if (chains.length === 0) return [0, 0]
  const seqOf = (seal: Seal, chain: string): number =>
    seal.heads.find((head) => head.chain === chain)?.seq ?? -1
  const before = seals.findLastIndex((seal) =>
    chains.every(({ chain, first }) => seqOf(seal, chain) < first.seq),
  )
  const after = seals.findIndex((seal) =>
    chains.every(({ chain, last }) => seqOf(seal, chain) >= last.seq),
  )
  return [Math.max(0, before), after < 0 ? seals.length : after + 1]
}

/** The file while it is written. */
class ExportFile {
  readonly #file: string
  readonly #handle: Awaited<ReturnType<typeof open>>
  readonly #hash = createHash('sha256')
  #pending: Buffer[] = []
  #pendingBytes = 0
  #bytes = 0

  private constructor(file: string, handle: Awaited<ReturnType<typeof open>>) {
    this.#file = file
    this.#handle = handle
  }

  static async create(file: string): Promise<ExportFile> {
    return new ExportFile(file, await open(file, 'wx', 0o600))
  }

  async write(...parts: readonly (string | Uint8Array)[]): Promise<void> {
    for (const part of parts) {
      // A batch's bytes may be used again by the next one.
      const bytes = typeof part === 'string' ? Buffer.from(part) : Buffer.from(part)
      this.#hash.update(bytes)
      this.#pending.push(bytes)
      this.#pendingBytes += bytes.length
    }
    if (this.#pendingBytes >= BLOCK) await this.#flush()
  }

  /** Ends the file with its digest. @returns its length */
  async finish(): Promise<number> {
    await this.write(digestLine(this.#hash.copy().digest('hex')))
    await this.#flush()
    await this.#handle.sync()
    return this.#bytes
  }

  close(): Promise<void> {
    return this.#handle.close()
  }

  async discard(): Promise<void> {
    await this.#handle.close()
    await rm(this.#file, { force: true })
  }

  async #flush(): Promise<void> {
    await this.#handle.writeFile(Buffer.concat(this.#pending))
    this.#bytes += this.#pendingBytes
    this.#pending = []
    this.#pendingBytes = 0
  }
}

const BLOCK = 1 << 20
