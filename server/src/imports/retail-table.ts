/**
 * Online Retail as columns: about 40 bytes a row and one copy of each distinct text, so that half a
 * million rows take 20 MB where objects would take 200. Invoices can be gathered and sorted from it,
 * and the packed file is written from it and read into it.
 */
import { OpportuneError } from '#engine'

/** 16 million: thirty times the data set. */
const MAX_ROWS = 1 << 24

/** One line of an invoice. */
export interface RetailRow {
  readonly invoice: string
  readonly stock: string
  readonly description: string
  readonly quantity: number
  /** ms since 1970, whole seconds. */
  readonly time: number
  /** Price of one in thousandths of a pound: whole numbers, so that sums are exact. */
  readonly price: number
  /** '' where the file names none. */
  readonly customer: string
  readonly country: string
}

/** Texts by number, in the order of their first appearance. */
export class Dictionary {
  readonly texts: string[] = []
  readonly #numbers = new Map<string, number>()

  number(text: string): number {
    const known = this.#numbers.get(text)
    if (known !== undefined) return known
    // A field is a slice of a row; joining characters anew lets go of the rest of the row's text.
    const own = Buffer.from(text).toString()
    this.#numbers.set(own, this.texts.length)
    return this.texts.push(own) - 1
  }

  text(number: number): string {
    return this.texts[number] as string
  }
}

const TEXT_COLUMNS = ['invoice', 'stock', 'description', 'customer', 'country'] as const
const NUMBER_COLUMNS = ['quantity', 'time', 'price'] as const

type TextColumn = (typeof TEXT_COLUMNS)[number]
type NumberColumn = (typeof NUMBER_COLUMNS)[number]

function record<K extends string, V>(keys: readonly K[], value: () => V): Record<K, V> {
  return Object.fromEntries(keys.map((key) => [key, value()])) as Record<K, V>
}

export class RetailTable {
  readonly dictionaries: Readonly<Record<TextColumn, Dictionary>> = record(
    TEXT_COLUMNS,
    () => new Dictionary(),
  )
  #texts: Record<TextColumn, Uint32Array>
  #numbers: Record<NumberColumn, Float64Array>
  #length = 0

  constructor(capacity = 1024) {
    this.#texts = record(TEXT_COLUMNS, () => new Uint32Array(capacity))
    this.#numbers = record(NUMBER_COLUMNS, () => new Float64Array(capacity))
  }

  get length(): number {
    return this.#length
  }

  /** @throws import_too_large */
  add(row: RetailRow): void {
    if (this.#length === this.#numbers.time.length) this.#grow()
    const at = this.#length++
    for (const column of TEXT_COLUMNS)
      this.#texts[column][at] = this.dictionaries[column].number(row[column])
    for (const column of NUMBER_COLUMNS) this.#numbers[column][at] = row[column]
  }

  /** Number of the row's text in the column's dictionary. */
  textNumber(column: TextColumn, at: number): number {
    return this.#texts[column][at] as number
  }

  number(column: NumberColumn, at: number): number {
    return this.#numbers[column][at] as number
  }

  row(at: number): RetailRow {
    const text = (column: TextColumn): string =>
      this.dictionaries[column].text(this.textNumber(column, at))
    return {
      invoice: text('invoice'),
      stock: text('stock'),
      description: text('description'),
      quantity: this.number('quantity', at),
      time: this.number('time', at),
      price: this.number('price', at),
      customer: text('customer'),
      country: text('country'),
    }
  }

  #grow(): void {
    const capacity = this.#length * 2
    if (capacity > MAX_ROWS)
      throw new OpportuneError('import_too_large', `More than ${this.#length} rows.`, {
        rows: this.#length,
      })
    for (const column of TEXT_COLUMNS) {
      const larger = new Uint32Array(capacity)
      larger.set(this.#texts[column])
      this.#texts[column] = larger
    }
    for (const column of NUMBER_COLUMNS) {
      const larger = new Float64Array(capacity)
      larger.set(this.#numbers[column])
      this.#numbers[column] = larger
    }
  }
}

/**
 * Row numbers by invoice, the rows of each in file order; the invoices in order of their earliest
 * line, equal times in file order.
 */
export function* invoicesInOrder(table: RetailTable): Generator<Uint32Array> {
  const invoices = table.dictionaries.invoice.texts.length
  const ends = new Uint32Array(invoices)
  const earliest = new Float64Array(invoices).fill(Number.POSITIVE_INFINITY)
  for (let at = 0; at < table.length; at++) {
    const invoice = table.textNumber('invoice', at)
    ends[invoice] = (ends[invoice] as number) + 1
    earliest[invoice] = Math.min(earliest[invoice] as number, table.number('time', at))
  }
  for (let n = 1; n < invoices; n++) ends[n] = (ends[n] as number) + (ends[n - 1] as number)
  const starts = ends.map((_, n) => (n === 0 ? 0 : (ends[n - 1] as number)))
  const rows = new Uint32Array(table.length)
  const next = starts.slice()
  for (let at = 0; at < table.length; at++) {
    const invoice = table.textNumber('invoice', at)
    const place = next[invoice] as number
    rows[place] = at
    next[invoice] = place + 1
  }
  // Invoices are numbered by first appearance, so the number settles equal times.
  const order = Uint32Array.from({ length: invoices }, (_, n) => n)
  order.sort((a, b) => (earliest[a] as number) - (earliest[b] as number) || a - b)
  for (const invoice of order) yield rows.subarray(starts[invoice], ends[invoice])
}
