import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { packRetail, unpackRetail } from './retail-pack.ts'
import { type RetailRow, RetailTable } from './retail-table.ts'

const PACKED = new URL('../../../examples/data/online-retail.oretail', import.meta.url).pathname

function tableOf(rows: readonly RetailRow[]): RetailTable {
  const table = new RetailTable(1)
  for (const row of rows) table.add(row)
  return table
}

const rowsOf = (table: RetailTable): RetailRow[] =>
  Array.from({ length: table.length }, (_, at) => table.row(at))

const anyRow: fc.Arbitrary<RetailRow> = fc.record({
  invoice: fc.constantFrom('536365', 'C536366', 'A1'),
  stock: fc.constantFrom('85123A', 'POST', 'm'),
  description: fc.oneof(fc.constantFrom('', 'LÄMP'), fc.string()),
  quantity: fc.integer({ min: -80_995, max: 80_995 }),
  time: fc.integer({ min: 0, max: 4e9 }).map((seconds) => seconds * 1000),
  price: fc.integer({ min: -11_062_060, max: 2 ** 40 }),
  customer: fc.constantFrom('', '17850', '12346'),
  country: fc.constantFrom('EIRE', 'Channel Islands'),
})

/** The table as the published CSV writes it: numbers with a decimal, quotes only where needed. */
function asPublished(table: RetailTable): string {
  const decimal = (value: number): string =>
    Number.isInteger(value) ? `${value}.0` : String(value)
  const field = (text: string): string =>
    /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  const line = (r: RetailRow): string =>
    [
      r.invoice,
      r.stock,
      field(r.description),
      r.quantity,
      new Date(r.time).toISOString().slice(0, 19).replace('T', ' '),
      decimal(r.price / 1000),
      r.customer === '' ? '' : `${r.customer}.0`,
      field(r.country),
    ].join(',')
  const header = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country'
  return `${header}\n${rowsOf(table).map(line).join('\n')}\n`
}

describe('packed Online Retail', () => {
  test('any table reads back equal', () => {
    fc.assert(
      fc.property(fc.array(anyRow, { maxLength: 40 }), (rows) => {
        expect(rowsOf(unpackRetail(packRetail(tableOf(rows))))).toEqual(rows)
      }),
      { numRuns: 50 },
    )
  })

  test('the file shipped gives the published CSV byte for byte, in at most 5 MB', () => {
    const file = readFileSync(PACKED)
    expect(file.length).toBeLessThanOrEqual(5_000_000)
    const table = unpackRetail(file)
    expect(table.length).toBe(541_909)
    expect(createHash('sha256').update(asPublished(table)).digest('hex')).toBe(
      'c35975c40d0e1e105090fbb11188a409393055f873841bd012915475fc84e69f',
    )
  })

  test('a cut, altered or foreign file is import_corrupt', () => {
    const row = fc.sample(anyRow, { numRuns: 20, seed: 1 })
    const file = packRetail(tableOf(row))
    const altered = Buffer.from(file)
    altered[12] = (altered[12] as number) ^ 1
    for (const bad of [
      file.subarray(0, -3),
      file.subarray(0, 20),
      altered,
      Buffer.from('InvoiceNo'),
      Buffer.alloc(0),
    ])
      expect(() => unpackRetail(bad)).toThrow(expect.objectContaining({ code: 'import_corrupt' }))
  })
})
