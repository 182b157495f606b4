/**
 * Packs the published table of UCI Online Retail into examples/data.
 *
 *   node --conditions=source --import tsx tools/data/pack-online-retail.ts online_retail.csv.gz OUT
 *
 * Refuses a file with any row that cannot be read, and checks that what it wrote reads back equal.
 */
// oxlint-disable no-restricted-imports -- a maintainer's script around reader internals that no product code may reach
import { writeFile } from 'node:fs/promises'
import { csvRows } from '../../server/src/imports/csv.ts'
import { fileChunks, toLines } from '../../server/src/imports/lines.ts'
import { RETAIL_FORMAT, readRetailRow } from '../../server/src/imports/online-retail.ts'
import { packRetail, unpackRetail } from '../../server/src/imports/retail-pack.ts'
import { RetailTable } from '../../server/src/imports/retail-table.ts'

async function readAllRows(path: string): Promise<RetailTable> {
  const table = new RetailTable()
  for await (const records of csvRows(toLines(fileChunks(path)), RETAIL_FORMAT))
    for (const record of records) {
      const row = record.kind === 'row' ? readRetailRow(record) : record.code
      if (typeof row === 'string') throw new Error(`line ${record.line}: ${row}`)
      table.add(row)
    }
  return table
}

function assertEqual(a: RetailTable, b: RetailTable): void {
  if (a.length !== b.length) throw new Error(`${a.length} rows were packed, ${b.length} read back`)
  for (let at = 0; at < a.length; at++)
    if (JSON.stringify(a.row(at)) !== JSON.stringify(b.row(at)))
      throw new Error(`row ${at} reads back otherwise`)
}

const [source, target] = process.argv.slice(2)
if (source === undefined || target === undefined) {
  console.error('usage: pack-online-retail.ts SOURCE.csv[.gz] TARGET')
  process.exit(2)
}
const table = await readAllRows(source)
const packed = packRetail(table)
assertEqual(table, unpackRetail(packed))
await writeFile(target, packed)
console.log(`${table.length} rows in ${packed.length} bytes`)
