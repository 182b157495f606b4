import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CsvFormat, type CsvRecord, csvRows, splitRow } from './csv.ts'
import { MAX_LINE_BYTES, toLines } from './lines.ts'
import { chunked } from './testing.ts'

const FORMAT: CsvFormat = { delimiter: ',', columns: [['b'], ['a', 'alpha']] }

async function read(content: string | Buffer, format = FORMAT): Promise<CsvRecord[]> {
  const records: CsvRecord[] = []
  for await (const group of csvRows(toLines(chunked(Buffer.from(content), 64)), format))
    records.push(...group)
  return records
}

const brief = (records: readonly CsvRecord[]): unknown[] =>
  records.map((r) => (r.kind === 'row' ? r.fields : `${r.code} at ${r.line}`))

const quoted = (field: string): string => `"${field.replaceAll('"', '""')}"`

describe('csv', () => {
  test('reads back any fields that were quoted', async () => {
    const field = fc.stringMatching(/^[a-c", \né]{0,8}$/)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(field, field), { maxLength: 8 }), async (rows) => {
        const text = rows.map(([a, b]) => `${quoted(a)},${quoted(b)}\r\n`).join('')
        // A CRLF inside quotes is read as LF; fields here hold LF only.
        expect(brief(await read(`a,b\n${text}`))).toEqual(rows.map(([a, b]) => [b, a]))
      }),
    )
  })

  test('takes columns by name, in any order and case, with other columns beside them', async () => {
    expect(brief(await read('\uFEFFALPHA,x,B\n1,2,3\n'))).toEqual([['3', '1']])
  })

  test('takes a quote inside an unquoted field as it stands', () => {
    expect(splitRow('5" WHEEL,2', ',')).toEqual(['5" WHEEL', '2'])
  })

  test('a missing column is refused by name, also where the file is empty', async () => {
    for (const content of ['a,c\n1,2\n', ''])
      await expect(read(content)).rejects.toMatchObject({
        code: 'import_wrong_header',
        details: { column: 'b' },
      })
  })

  test('[ING-4] bad rows are rejections with line and bytes, and reading goes on', async () => {
    const content = Buffer.concat([
      Buffer.from('a,b\n1,2,3\n\nx,'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('\n4,5\n'),
    ])
    const records = await read(content)
    expect(brief(records)).toEqual(['wrong_columns at 2', 'not_utf8 at 4', ['5', '4']])
    expect(records[0]?.bytes.toString()).toBe('1,2,3')
    expect([...(records[1]?.bytes ?? [])]).toEqual([0x78, 0x2c, 0xff, 0xfe])
  })

  test('[ING-4] a quote that is never closed costs one row, not the file', async () => {
    const rows = Array.from({ length: 250 }, (_, n) => `${n},${n}\n`).join('')
    const records = await read(`a,b\n"1,2\n${rows}`)
    expect(records[0]).toMatchObject({ kind: 'rejected', code: 'unclosed_quote', line: 2 })
    expect(records.slice(1).every((r) => r.kind === 'row')).toBe(true)
    expect(records).toHaveLength(251)
  })

  test('[ING-4] a row of 2 MB is a rejection that says its size', async () => {
    const records = await read(`a,b\n1,${'x'.repeat(2 * MAX_LINE_BYTES)}\n3,4\n`)
    expect(brief(records)).toEqual(['too_large at 2', ['4', '3']])
    expect(records[0]).toMatchObject({ size: 2 * MAX_LINE_BYTES + 2 })
  })

  test('[ING-3] every line of any file is in exactly one record', async () => {
    const line = fc.constantFrom('1,2', '"1",2', '"1,2', '1"', ',', '1,2,3', '"""",x', '"')
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 40 }), async (lines) => {
        const records = await read(`a,b\n${lines.join('\n')}`)
        const seen = records.flatMap((r) => r.bytes.toString().split('\n'))
        expect(seen.sort()).toEqual([...lines].sort())
      }),
    )
  })
})
