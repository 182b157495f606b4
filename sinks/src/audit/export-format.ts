/**
 * The file that an export of the audit is: records as they are stored, byte for byte, between lines
 * that say what comes next. Any program reads it, and any copy of it verifies.
 *
 *   opportune-audit 1
 *   record <chain> <offset> <bytes>       then that many bytes, then a line feed
 *   ...                                   chain by chain, each in the order of offsets
 *   manifest <bytes>                      then that much JSON, then a line feed
 *   sha256 <hex>                          of everything in front of this line
 *
 * The digest shows accidents. Who alters the file can compute it anew, as they can the manifest: what
 * cannot be made anew are the seals in it.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { OpportuneError } from '#engine'
import type { StoredRecord } from './verify.ts'

/** What one chain of the export holds. */
export interface ExportedChain {
  readonly chain: string
  readonly records: number
  readonly first: { readonly seq: number; readonly prev: string }
  readonly last: { readonly seq: number; readonly hash: string }
}

export interface ExportManifest {
  readonly format: 1
  /** ms since 1970. */
  readonly exported_at: number
  /** The task times asked for, ms since 1970; null: from the beginning, to the end. */
  readonly from: number | null
  readonly to: number | null
  /** Chains without a record in the range are left out. */
  readonly chains: readonly ExportedChain[]
  /** Seals that anchor the first records and cover the last ones, each as it was written. */
  readonly seals: readonly string[]
}

export const EXPORT_HEAD = 'opportune-audit 1\n'

const LINE_FEED = 10
/** A line of ours is short; what is longer is another file. */
const MAX_LINE = 1_024
/** Far above any record or manifest, so that a damaged length does not fill the memory. */
const MAX_BODY = 256 << 20

export const recordLine = ({ chain, offset, bytes }: StoredRecord): string =>
  `record ${chain} ${offset} ${bytes.byteLength}\n`

export const manifestLine = (json: Uint8Array): string => `manifest ${json.byteLength}\n`

export const digestLine = (hex: string): string => `sha256 ${hex}\n`

export type ExportPart =
  | { readonly kind: 'record'; readonly record: StoredRecord }
  | { readonly kind: 'manifest'; readonly manifest: ExportManifest }
  /** The last part. */
  | { readonly kind: 'end'; readonly intact: boolean }

/**
 * The parts of an export in their order.
 * @throws audit_export_invalid with the byte from which on the file does not read
 */
export async function* readExport(file: string): AsyncGenerator<ExportPart> {
  const source = new Source(file)
  if (`${await source.line()}\n` !== EXPORT_HEAD) throw source.invalid('it does not begin as one')
  for (let last = 'the beginning'; ; ) {
    const [kind, ...words] = (await source.line()).split(' ')
    if (kind === 'sha256' && words.length === 1) {
      if (!(await source.ended())) throw source.invalid('something follows its end')
      yield { kind: 'end', intact: words[0] === source.digest() }
      return
    }
    const body = await source.body(words.at(-1))
    if (kind === 'manifest' && words.length === 1)
      yield { kind, manifest: manifestIn(body, source) }
    else if (kind === 'record' && words.length === 3) {
      const record = { chain: words[0] ?? '', offset: source.count(words[1]), bytes: body }
      last = `${record.chain} offset ${record.offset}`
      yield { kind, record }
    } else throw source.invalid(`a line is not one of an export, after ${last}`)
  }
}

function manifestIn(body: Buffer, source: Source): ExportManifest {
  try {
    const manifest = JSON.parse(body.toString('utf8')) as ExportManifest
    if (isManifest(manifest)) return manifest
  } catch {
    // Told below, as for one that is JSON of another shape.
  }
  throw source.invalid('its manifest does not read')
}

const isManifest = (value: ExportManifest): boolean =>
  value?.format === 1 &&
  Number.isSafeInteger(value.exported_at) &&
  Array.isArray(value.seals) &&
  value.seals.every((line) => typeof line === 'string') &&
  Array.isArray(value.chains) &&
  value.chains.every(
    (it) =>
      typeof it?.chain === 'string' &&
      Number.isSafeInteger(it.records) &&
      Number.isSafeInteger(it.first?.seq) &&
      typeof it.first.prev === 'string' &&
      Number.isSafeInteger(it.last?.seq) &&
      typeof it.last.hash === 'string',
  )

/** Bytes of a file, taken from the front; hashes what was taken before the last line. */
class Source {
  readonly #file: string
  readonly #chunks: AsyncIterator<Buffer>
  readonly #hash = createHash('sha256')
  #waiting: Buffer = Buffer.alloc(0)
  /** What was taken last: the digest's own line is not part of what it covers. */
  #unhashed: Buffer = this.#waiting
  #taken = 0

  constructor(file: string) {
    this.#file = file
    this.#chunks = createReadStream(file)[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  /** Of everything in front of the last line; the end of hashing. */
  digest(): string {
    return this.#hash.digest('hex')
  }

  invalid(why: string): OpportuneError {
    const what = `'${this.#file}' is not a whole export: ${why} (byte ${this.#taken}).`
    return new OpportuneError('audit_export_invalid', what, { byte: this.#taken })
  }

  /** Without its line feed. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#waiting.indexOf(LINE_FEED)
      if (end >= 0) return this.#take(end + 1).toString('latin1', 0, end)
      if (this.#waiting.length > MAX_LINE) throw this.invalid('a line has no end')
      if (!(await this.#more())) throw this.invalid('it was cut off')
    }
  }

  /** As many bytes as the word says, and the line feed behind them. */
  async body(word: string | undefined): Promise<Buffer> {
    const length = this.count(word)
    if (length > MAX_BODY) throw this.invalid('a part of it is too long')
    const parts: Buffer[] = []
    for (let missing = length + 1; missing > 0; ) {
      if (this.#waiting.length === 0 && !(await this.#more())) throw this.invalid('it was cut off')
      const part = this.#take(Math.min(missing, this.#waiting.length))
      missing -= part.length
      parts.push(part)
    }
    const whole = Buffer.concat(parts)
    if (whole[length] !== LINE_FEED) throw this.invalid('a part of it is longer than it says')
    return whole.subarray(0, length)
  }

  count(word = ''): number {
    if (!/^\d{1,15}$/.test(word)) throw this.invalid('a line is not one of an export')
    return Number(word)
  }

  async ended(): Promise<boolean> {
    return this.#waiting.length === 0 && !(await this.#more())
  }

  #take(length: number): Buffer {
    const taken = this.#waiting.subarray(0, length)
    this.#waiting = this.#waiting.subarray(length)
    this.#taken += length
    this.#hash.update(this.#unhashed)
    this.#unhashed = taken
    return taken
  }

  async #more(): Promise<boolean> {
    const next = await this.#chunks.next()
    if (next.done === true) return false
    this.#waiting =
      this.#waiting.length === 0 ? next.value : Buffer.concat([this.#waiting, next.value])
    return true
  }
}
