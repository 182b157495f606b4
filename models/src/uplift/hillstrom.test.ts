import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { tableFromArrays, tableToIPC } from 'apache-arrow'
import { describe, expect, test } from 'vitest'
import { findError } from '#engine'
import { UPLIFT_FEATURES } from './features.ts'
import { HILLSTROM_ARMS, HILLSTROM_RULES, readHillstrom } from './hillstrom.ts'

const HEADER =
  'recency,history_segment,history,mens,womens,zip_code,newbie,channel,segment,visit,conversion,spend'
const ROW = '10,"7) $1,000 +",142.44,1,0,Rural,0,Phone,Womens E-Mail,1,0,0'

const read = (...lines: readonly string[]) =>
  readHillstrom(new TextEncoder().encode(`${lines.join('\n')}\n`))

function refusal(run: () => unknown) {
  try {
    run()
  } catch (error) {
    return findError(error)
  }
  return undefined
}

describe('reading the trial', () => {
  test('[MOD-1] the shipped file: arms, outcomes and fingerprint are the published ones', () => {
    const data = readHillstrom(
      readFileSync(new URL('../../../examples/models/data/hillstrom.csv.gz', import.meta.url)),
    )
    const sizes = [0, 0, 0]
    const visits = [0, 0, 0]
    for (let row = 0; row < data.count; row++) {
      const arm = data.arm[row] as number
      sizes[arm] = (sizes[arm] as number) + 1
      visits[arm] = (visits[arm] as number) + (data.outcome[row] as number)
    }
    expect(sizes).toEqual([21306, 21307, 21387])
    expect(visits).toEqual([2262, 3894, 3238])
    expect(data.fingerprint).toBe(
      '0e5893329d8b93cefecc571777672028290ab69865718020c78c7284f291aece',
    )
  })

  test('quoted commas, features in the order of the contract', () => {
    const data = read(HEADER, ROW)
    expect(data.featureNames).toEqual(UPLIFT_FEATURES)
    expect([...data.features]).toEqual([10, Math.log(142.44), 1, 0, 0, 0, 1, 1, 0])
    expect(HILLSTROM_ARMS[data.arm[0] as number]?.id).toBe('womens_email')
    expect(data.outcome[0]).toBe(1)
  })

  test('columns are found by name, line ends may be CRLF, the last one may be missing', () => {
    const shuffled =
      'visit,segment,channel,newbie,zip_code,womens,mens,history,recency\r\n' +
      '1,Womens E-Mail,Phone,0,Rural,0,1,142.44,10'
    const data = readHillstrom(new TextEncoder().encode(shuffled))
    expect(data.features).toEqual(read(HEADER, ROW).features)
  })

  test('[MOD-1] Arrow gives the same data, whatever types its columns have', () => {
    const columns = {
      recency: Int32Array.of(10, 1),
      history: Float64Array.of(142.44, 29.99),
      mens: [true, false],
      womens: BigInt64Array.of(0n, 1n),
      zip_code: ['Rural', 'Urban'],
      newbie: Uint8Array.of(0, 1),
      channel: ['Phone', 'Web'],
      segment: ['Womens E-Mail', 'No E-Mail'],
      visit: [1, 0],
    }
    const wanted = read(HEADER, ROW, '1,x,29.99,0,1,Urban,1,Web,No E-Mail,0,0,0')
    for (const form of ['file', 'stream'] as const) {
      const arrow = tableToIPC(tableFromArrays(columns), form)
      const data = readHillstrom(gzipSync(arrow))
      expect({ ...data, fingerprint: '' }).toEqual({ ...wanted, fingerprint: '' })
      expect(data.fingerprint).toBe(createHash('sha256').update(arrow).digest('hex'))
      expect(refusal(() => readHillstrom(arrow.subarray(0, arrow.length / 2)))?.code).toBe(
        'model_data_unreadable',
      )
    }
    const { channel: _, ...lacking } = columns
    const lacks = tableToIPC(tableFromArrays(lacking), 'file')
    expect(refusal(() => readHillstrom(lacks))?.details).toEqual({ column: 'channel' })
    const wrong = tableToIPC(tableFromArrays({ ...columns, visit: [1, null] }), 'file')
    expect(refusal(() => readHillstrom(wrong))?.details).toEqual({ row: 2, column: 'visit' })
  })

  test('plain and gzip give the same data and fingerprint', () => {
    const plain = new TextEncoder().encode(`${HEADER}\n${ROW}\n`)
    expect(readHillstrom(gzipSync(plain))).toEqual(readHillstrom(plain))
  })
})

describe('bad files', () => {
  test('[ING-4] a missing column is named', () => {
    const error = refusal(() => read(HEADER.replace('womens', 'ladies'), ROW))
    expect([error?.code, error?.details['column']]).toEqual(['model_data_header', 'womens'])
    expect(refusal(() => readHillstrom(new Uint8Array()))?.code).toBe('model_data_header')
  })

  test.each([
    ['recency', ROW.replace('10,', 'ten,')],
    ['recency', ROW.replace('10,', ',')],
    ['history', ROW.replace('142.44', 'NaN')],
    ['history', ROW.replace('142.44', '0.5')],
    ['history', ROW.replace('142.44', '1e999')],
    ['mens', ROW.replace('142.44,1', '142.44,2')],
    ['zip_code', ROW.replace('Rural', '__proto__')],
    ['segment', ROW.replace('Womens E-Mail', 'Kids E-Mail')],
    ['visit', ROW.slice(0, -6)],
  ])('[ING-4] a bad %s is refused with its line', (column, row) => {
    const error = refusal(() => read(HEADER, ROW, row))
    expect(error?.code).toBe('model_data_row')
    expect(error?.details).toEqual({ line: 3, column })
  })

  test('[ING-4] a cut gzip file is refused', () => {
    const cut = gzipSync(new TextEncoder().encode(`${HEADER}\n${ROW}\n`)).subarray(0, 40)
    expect(refusal(() => readHillstrom(cut))?.code).toBe('model_data_unreadable')
  })
})

test('the rule sends women-only buyers the women’s e-mail and everybody else the men’s', () => {
  const rule = HILLSTROM_RULES[0]
  const row = (mens: number, womens: number) => Float64Array.of(1, 1, mens, womens, 0, 0, 0, 0, 0)
  expect([row(0, 1), row(1, 0), row(1, 1), row(0, 0)].map((r) => rule?.choose(r))).toEqual([
    2, 1, 1, 1,
  ])
  expect(rule?.score(row(0, 1))).toBe(1)
})
