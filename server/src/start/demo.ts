/**
 * The data of a first start: a real shop's year and two real clickstreams, moved in time so that they
 * end yesterday, in one order by time.
 *
 * The data have neither addresses nor consents, and without them nobody may be written to. So that
 * there is something to see, visitors are introduced before their first event by an `identify` call
 * of our making, marked `made_up: true` in its context. A known customer gets an address under
 * example.com, the country that the data name or else the shop's, and for seven in ten an agreement
 * to email. Of those who only browse, three in ten have agreed to push messages. Buyers without a
 * customer number stay unknown, as they are to the shop.
 */
import { murmur3 } from '#engine'
import { type ImportFormat, type ImportRecord, openImport } from '../imports/index.ts'

export interface DemoFile {
  readonly path: string
  readonly format: ImportFormat
}

export interface DemoImport {
  records(): AsyncGenerator<readonly ImportRecord[]>
  /** Events in all, as far as the files are read. */
  expected(): number
}

/** @param endAt ms since 1970: the date that the data end on */
export function demoImport(files: readonly DemoFile[], endAt: number): DemoImport {
  const rebase = { endAt }
  const readers = files.map(({ path, format }) => openImport(path, { format, rebase }))
  let introductions = 0
  return {
    records: () =>
      introduced(byTime(readers.map((reader) => reader.records())), () => {
        introductions++
      }),
    expected: () => readers.reduce((sum, r) => sum + (r.progress.expected ?? 0), introductions),
  }
}

/** Merges streams that are each in order of time; rejections come where they stand. */
async function* byTime(
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
  onIntroduction: () => void,
): AsyncGenerator<readonly ImportRecord[]> {
  const known = new Set<string>()
  for await (const batch of batches) {
    const out: ImportRecord[] = []
    for (const record of batch) {
      const introduction = record.kind === 'call' ? introductionFor(record.call, known) : null
      if (introduction !== null) {
        out.push({ kind: 'call', line: record.line, call: introduction })
        onIntroduction()
      }
      out.push(record)
    }
    yield out
  }
}

type Call = Readonly<Record<string, unknown>>

/** Null where the visitor was introduced before, or stays unknown. */
function introductionFor(call: Call, known: Set<string>): Call | null {
  const { userId, anonymousId, timestamp } = call
  const id = typeof userId === 'string' ? userId : anonymousId
  if (typeof id !== 'string' || known.has(id)) return null
  known.add(id)
  const about =
    typeof userId === 'string' ? customer(userId, countryIn(call)) : visitor(id, call['event'])
  if (about === null) return null
  const { traits, device } = about
  return {
    type: 'identify',
    messageId: `introduction-${id}`,
    ...(typeof userId === 'string' ? { userId } : { anonymousId: id }),
    timestamp,
    // Not active: being introduced is nothing that a customer does.
    context: { made_up: true, active: false, ...(device === undefined ? {} : { device }) },
    traits,
  }
}

interface About {
  readonly traits: Call
  readonly device?: Call
}

const EMAIL_PERCENT = 70
const PUSH_PERCENT = 30
const HOME = 'United Kingdom'
const consent = { granted: true, source: 'demo', by: 'demo', wording_version: 'demo-1' }
const agreed = (percent: number, id: string): boolean => murmur3(id, 7) % 100 < percent

function customer(id: string, country: string | null): About {
  const topics = { marketing: consent, product_updates: consent }
  return {
    traits: {
      email: `customer-${id}@example.com`,
      country: country ?? HOME,
      ...(agreed(EMAIL_PERCENT, id) ? { consents: { email: topics } } : {}),
    },
  }
}

function visitor(id: string, event: unknown): About | null {
  if (event !== 'Product Viewed' || !agreed(PUSH_PERCENT, id)) return null
  return {
    traits: { country: HOME, consents: { push: { marketing: consent } } },
    device: { token: `demo-${id}` },
  }
}

function countryIn(call: Call): string | null {
  const { location } = (call['context'] ?? {}) as { readonly location?: Call }
  const country = location?.['country']
  // The table says so of a few; it is no country.
  return typeof country === 'string' && country !== 'Unspecified' ? country : null
}
