/**
 * The sealer: follows the audit topics, checks that every chain goes on without a break, and writes
 * signed seals: first to the topic `audit-seals`, then to the copy outside.
 *
 * Owns: the head of each chain it has checked, and the number of the last seal. Both are found again
 * in the last seal, so nothing else is kept. One sealer at a time (the owner of the log runs it).
 *
 * Failure: a chain that is broken is never sealed again - the sealer stops, `status` says where, and
 * the alert is for people. A crash between the topic and the copy is made up for at the next start.
 * A copy that is ahead of the topic means that the topic lost seals: also a stop.
 */
import { type EventLog, type LogReader, OpportuneError } from '#engine'
import { OutsideCopy } from './outside-copy.ts'
import { decodeRecord, GENESIS, recordHash } from './record.ts'
import {
  decodeSeal,
  encodeSeal,
  type Seal,
  type SealedHead,
  type SigningKey,
  sealHash,
  signSeal,
} from './seal.ts'
import { lastSealLine, SEALS, sealLines } from './seal-topic.ts'

export interface SealerOptions {
  readonly log: EventLog
  /** Topics whose partitions are chains. Default `decisions`. */
  readonly topics?: readonly string[]
  readonly key: SigningKey
  /** The copy outside the log. */
  readonly outsideFile: string
  /** Wall clock, ms. */
  readonly now: () => number
  /** Between seals while there is something new. Default 10,000. */
  readonly everyMs?: number
  /** Between seals while there is nothing new. Default 60,000: at least one a minute (AUD-2). */
  readonly idleMs?: number
}

export interface SealerStatus {
  readonly state: 'sealing' | 'broken' | 'stopped'
  /** Why it is broken; names chain and sequence number. */
  readonly reason: string | null
  readonly lastSeal: number | null
  readonly lastSealAt: number | null
  /** Records that the last seal covers, over all chains. */
  readonly sealedRecords: number
}

export interface Sealer {
  /** Seals what is committed now. Undefined: nothing new, and no seal was due. @throws audit_broken */
  seal(): Promise<Seal | undefined>
  status(): SealerStatus
  stop(): Promise<void>
}

/** About 5 ms of hashing at a time: decisions are made on the same thread. */
const BATCH = { maxRecords: 256, maxBytes: 1 << 18 }
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Opens the topic and the copy, brings them together and starts. @throws audit_broken */
export async function startSealer(options: SealerOptions): Promise<Sealer> {
  const sealer = new RunningSealer(options)
  try {
    await sealer.open()
    return sealer
  } catch (error) {
    await sealer.stop()
    throw error
  }
}

class RunningSealer implements Sealer {
  readonly #options: SealerOptions
  readonly #reader: LogReader
  readonly #heads = new Map<string, SealedHead>()
  readonly #copy: OutsideCopy
  #last: { readonly seal: Seal; readonly line: string } | undefined
  /** An append or a copy failed: what topic and copy hold is looked up again. */
  #unsure = true
  #broken: OpportuneError | undefined
  #stopped = false
  #timer: NodeJS.Timeout | undefined
  #running: Promise<unknown> = Promise.resolve()

  constructor(options: SealerOptions) {
    this.#options = options
    this.#reader = options.log.reader()
    this.#copy = new OutsideCopy(options.outsideFile)
  }

  async open(): Promise<void> {
    const { log } = this.#options
    await log.ensureTopics([{ name: SEALS, partitions: 1, cleanup: 'delete' }])
    await this.#recall()
    this.#schedule()
  }

  seal(): Promise<Seal | undefined> {
    // One after the other: the timer and a caller may ask at once.
    const next = this.#running.then(() => this.#sealOnce())
    this.#running = next.catch(() => {})
    return next
  }

  status(): SealerStatus {
    const seal = this.#last?.seal
    return {
      state: this.#broken !== undefined ? 'broken' : this.#stopped ? 'stopped' : 'sealing',
      reason: this.#broken?.message ?? null,
      lastSeal: seal?.number ?? null,
      lastSealAt: seal?.at ?? null,
      sealedRecords: seal?.heads.reduce((sum, head) => sum + head.seq + 1, 0) ?? 0,
    }
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    clearTimeout(this.#timer)
    await this.#running
    if (this.#broken === undefined) await this.seal().catch(() => {})
    this.#stopped = true
    await this.#reader.close()
    this.#copy.close()
  }

  #schedule(): void {
    if (this.#stopped || this.#broken !== undefined) return
    this.#timer = setTimeout(() => {
      // What went wrong is in the status; a log that is gone is noticed by everybody.
      void this.seal()
        .catch(() => {})
        .finally(() => this.#schedule())
    }, this.#options.everyMs ?? 10_000)
    this.#timer.unref()
  }

  async #sealOnce(): Promise<Seal | undefined> {
    if (this.#broken !== undefined) throw this.#broken
    if (this.#stopped) return undefined
    if (this.#unsure) await this.#recall()
    const grown = await this.#follow()
    const { key, log, now, idleMs = 60_000 } = this.#options
    const at = now()
    const due = this.#last === undefined ? this.#heads.size > 0 : at - this.#last.seal.at >= idleMs
    if (!grown && !due) return undefined
    const number = (this.#last?.seal.number ?? -1) + 1
    const prev = this.#last === undefined ? GENESIS : sealHash(this.#last.line)
    const content = { number, at, heads: [...this.#heads.values()], prev }
    const line = encodeSeal(signSeal(content, key))
    this.#unsure = true
    const appender = log.appender()
    await appender.append(SEALS, 0, [{ key: null, value: Buffer.from(line), timestamp: at }])
    await appender.close()
    const seal = this.#remember(line)
    await this.#copy.append(line)
    this.#unsure = false
    return seal
  }

  /** The last seal, from the topic; then the copy is brought up to it. */
  async #recall(): Promise<void> {
    const line = await lastSealLine(this.#options.log, this.#reader)
    if (line !== undefined) this.#remember(line)
    await this.#bringCopyUp()
    this.#unsure = false
  }

  /** Reads on in every chain. @returns whether any grew */
  async #follow(): Promise<boolean> {
    const wanted = this.#options.topics ?? ['decisions']
    const known = await this.#options.log.topics()
    let grown = false
    for (const { name, partitions } of known.filter((topic) => wanted.includes(topic.name)))
      for (let partition = 0; partition < partitions; partition++)
        grown = (await this.#followChain(name, partition)) || grown
    return grown
  }

  async #followChain(topic: string, partition: number): Promise<boolean> {
    const chain = `${topic}/${partition}`
    const before = this.#heads.get(chain)
    let head = before
    for (;;) {
      const batch = await this.#reader.read({ topic, partition }, head?.next ?? 0, BATCH)
      if (batch === undefined) break
      await breathe()
      for (let i = 0; i < batch.length; i++)
        head = this.#linked(chain, head, { offset: batch.offset(i), bytes: batch.value(i) })
    }
    if (head === undefined || head === before) return false
    this.#heads.set(chain, head)
    return true
  }

  #linked(
    chain: string,
    head: SealedHead | undefined,
    stored: { readonly offset: number; readonly bytes: Uint8Array | null },
  ): SealedHead {
    const record = decodeRecord(stored.bytes ?? new Uint8Array())
    const seq = head === undefined ? 0 : head.seq + 1
    const fits =
      record !== undefined &&
      record.header.chain === chain &&
      record.header.seq === seq &&
      record.header.prev === (head?.hash ?? GENESIS) &&
      recordHash(record.header, record.body) === record.hash
    if (!fits) throw this.#break(`The chain ${chain} breaks at record ${seq}.`, { chain, seq })
    return { chain, seq, hash: record.hash, next: stored.offset + 1 }
  }

  #remember(line: string): Seal {
    const seal = decodeSeal(line)
    this.#last = { seal, line }
    for (const head of seal.heads) this.#heads.set(head.chain, head)
    return seal
  }

  /** Seals that the topic has and the copy lacks are appended to it. */
  async #bringCopyUp(): Promise<void> {
    const line = this.#copy.last
    const copied = line === undefined ? undefined : decodeSeal(line)
    const last = this.#last?.seal.number ?? -1
    if (copied !== undefined && copied.number > last)
      throw this.#break('The copy of the seals is ahead of the log.', { seal: copied.number })
    const from = copied?.number ?? 0
    const lines = await sealLines(this.#options.log, this.#reader, from)
    if (line !== undefined && lines[0] !== line)
      throw this.#break('The copy of the seals and the log disagree.', { seal: from })
    for (const missing of lines.slice(copied === undefined ? 0 : 1))
      await this.#copy.append(missing)
  }

  #break(what: string, details: Readonly<Record<string, string | number>>): OpportuneError {
    this.#broken = new OpportuneError('audit_broken', what, details)
    return this.#broken
  }
}
