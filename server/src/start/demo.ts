/**
 * The data of a first start: a real shop's year and two real clickstreams, moved in time so that they
 * end yesterday, in one order by time.
 *
 * The shop's data have neither addresses nor consents, and without them nobody may be written to. So
 * that there is something to see, every known customer is introduced before her first order by an
 * `identify` call of our making: an address under example.com, her country from the data, and for
 * seven in ten an agreement to email. All of it is marked `made_up: true` in the call's context.
 */
import { murmur3 } from '#engine'
import { type ImportReader, type ImportRecord, openImport } from '../imports/index.ts'

export interface DemoFiles {
  readonly onlineRetail: string
  readonly rees46: string
  readonly diginetica: string
}

export interface DemoImport {
  readonly readers: readonly ImportReader[]
  records(): AsyncGenerator<readonly ImportRecord[]>
}

/** @param endAt ms since 1970: the date that the data end on */
export function demoImport(files: DemoFiles, endAt: number): DemoImport {
  const rebase = { endAt }
  const readers = [
    openImport(files.onlineRetail, { format: 'online-retail', rebase }),
    openImport(files.rees46, { format: 'rees46', rebase }),
    openImport(files.diginetica, { format: 'diginetica', rebase }),
  ]
  return {
    readers,
    records: () => introduced(byTime(readers.map((reader) => reader.records()))),
  }
}

/** Merges streams that are each in order of time; rejections come where they stand. */
export async function* byTime(
  streams: readonly AsyncIterable<readonly ImportRecord[]>[],
): AsyncGenerator<readonly ImportRecord[]> {
  const heads = await Promise.all(streams.map((stream) => Head.of(stream)))
  const group: ImportRecord[] = []
  for (;;) {
    let first: Head | null = null
    for (const head of heads)
      if (head.record !== null && (first === null || head.time < first.time)) first = head
    if (first === null || first.record === null) break
    group.push(first.record)
    if (group.length >= 512) yield group.splice(0)
    await first.advance()
  }
  if (group.length > 0) yield group
}

/** The next record of one stream. */
class Head {
  record: ImportRecord | null = null
  time = Number.NEGATIVE_INFINITY
  #batch: readonly ImportRecord[] = []
  #index = 0
  readonly #batches: AsyncIterator<readonly ImportRecord[]>

  private constructor(batches: AsyncIterator<readonly ImportRecord[]>) {
    this.#batches = batches
  }

  static async of(stream: AsyncIterable<readonly ImportRecord[]>): Promise<Head> {
    const head = new Head(stream[Symbol.asyncIterator]())
    await head.advance()
    return head
  }

  async advance(): Promise<void> {
    while (this.#index >= this.#batch.length) {
      const next = await this.#batches.next()
      if (next.done === true) {
        this.record = null
        return
      }
      this.#batch = next.value
      this.#index = 0
    }
    this.record = this.#batch[this.#index++] ?? null
    if (this.record?.kind === 'call') this.time = Date.parse(String(this.record.call['timestamp']))
  }
}

async function* introduced(
  batches: AsyncIterable<readonly ImportRecord[]>,
): AsyncGenerator<readonly ImportRecord[]> {
  const known = new Set<string>()
  for await (const batch of batches) {
    const out: ImportRecord[] = []
    for (const record of batch) {
      const introduction = record.kind === 'call' ? introductionFor(record.call, known) : null
      if (introduction !== null) out.push({ kind: 'call', line: record.line, call: introduction })
      out.push(record)
    }
    yield out
  }
}

const AGREES_PERCENT = 70

function introductionFor(
  call: Readonly<Record<string, unknown>>,
  known: Set<string>,
): Readonly<Record<string, unknown>> | null {
  const { userId, timestamp, context } = call
  if (typeof userId !== 'string' || known.has(userId)) return null
  known.add(userId)
  const { location } = (context ?? {}) as { readonly location?: { readonly country?: unknown } }
  const country = location?.country
  const agrees = murmur3(userId, 7) % 100 < AGREES_PERCENT
  return {
    type: 'identify',
    messageId: `introduction-${userId}`,
    userId,
    timestamp,
    context: { made_up: true },
    traits: {
      email: `customer-${userId}@example.com`,
      ...(typeof country === 'string' ? { country } : {}),
      ...(agrees
        ? { consents: { email: { marketing: consent, product_updates: consent } } }
        : {}),
    },
  }
}

const consent = { granted: true, source: 'demo', by: 'demo', wording_version: 'demo-1' }
