import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packagePath } from '../package-root.ts'
import { type ReplayOptions, type ReplayResult, replay } from './replay.ts'

const DEFINITIONS = packagePath('examples/shop')
const MODEL = packagePath('examples/models/hillstrom-visit.json')

let directory = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'opportune-replay-test-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const run = (options: Omit<ReplayOptions, 'definitions' | 'model'>): Promise<ReplayResult> =>
  replay({ ...options, definitions: DEFINITIONS, model: MODEL })

const outcome = ({ seconds: _s, events_per_second: _e, ...rest }: ReplayResult) => rest
const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((a, b) => a + b, 0)

/** Two people, one of whom browses first and says who she is later; and what a producer gets wrong. */
function shopLines(): string[] {
  const at = (minutes: number): string => new Date(Date.UTC(2026, 2, 1, 10, minutes)).toISOString()
  const product = (id: string) => ({ product_id: id, name: id, price: 10, quantity: 1 })
  const lines: object[] = [
    {
      type: 'track',
      event: 'Product Viewed',
      anonymousId: 'x',
      messageId: '1',
      timestamp: at(0),
      properties: product('p1'),
    },
    {
      type: 'track',
      event: 'Product Added',
      anonymousId: 'x',
      messageId: '2',
      timestamp: at(3),
      properties: product('p1'),
    },
    {
      type: 'track',
      event: 'Product Viewed',
      userId: 'b',
      messageId: '3',
      timestamp: at(4),
      properties: product('p2'),
    },
    {
      type: 'identify',
      anonymousId: 'x',
      userId: 'a',
      messageId: '4',
      timestamp: at(6),
      traits: { email: 'a@example.com', country: 'GB', consents: { email: true } },
    },
    {
      type: 'track',
      event: 'Product Viewed',
      userId: 'a',
      anonymousId: 'x',
      messageId: '5',
      timestamp: at(9),
      properties: product('p3'),
    },
    {
      type: 'track',
      event: 'Product Viewed',
      userId: 'b',
      messageId: '3',
      timestamp: at(4),
      properties: product('p2'),
    },
    { type: 'alias', previousId: 'b', userId: 'a', messageId: '6', timestamp: at(20) },
    {
      type: 'track',
      event: 'Order Completed',
      userId: 'b',
      messageId: '7',
      timestamp: at(60 * 20),
      properties: { order_id: 'o1', total: 25, products: [product('p3')] },
    },
    { type: 'track', userId: '', event: 'X', messageId: '8', timestamp: at(61) },
    { type: 'track', userId: 'a', event: 'X', messageId: '9', timestamp: '1970-01-01T00:00:00Z' },
  ]
  return [...lines.map((line) => JSON.stringify(line)), '{"type":"track"', '[]', '"text"']
}

describe('replay', () => {
  test('[SYS-4] [E5] a file comes to the same outcome with any slices and partitions', async () => {
    const file = join(directory, 'shop.ndjson')
    writeFileSync(file, `${shopLines().join('\n')}\n`)
    const whole = outcome(await run({ file, format: 'ndjson' }))
    expect(outcome(await run({ file, format: 'ndjson', partitions: 1, batch: 1 }))).toEqual(whole)
    expect(outcome(await run({ file, format: 'ndjson', partitions: 8, batch: 3 }))).toEqual(whole)
    expect(whole.read).toBe(13)
    expect(whole.read).toBe(whole.accepted + whole.duplicates + sum(whole.rejected))
    expect(whole.duplicates).toBe(1)
    expect(sum(whole.decisions)).toBeGreaterThan(0)
  }, 30_000)

  test('[ING-3] a real clickstream adds up, whatever the slices and partitions', async () => {
    const file = packagePath('examples/data/rees46-2019-oct-sample.csv.gz')
    const whole = outcome(await run({ file, format: 'rees46' }))
    expect(outcome(await run({ file, format: 'rees46', partitions: 8, batch: 97 }))).toEqual(whole)
    expect(whole).toMatchObject({ read: 1_000, accepted: 1_000, duplicates: 0, rejected: {} })
    expect(whole.sessions).toBeGreaterThan(0)
  }, 60_000)

  test('[SYS-1] the same directory again adds nothing', async () => {
    const file = join(directory, 'again.ndjson')
    writeFileSync(file, `${shopLines().join('\n')}\n`)
    const place = { file, format: 'ndjson' as const, directory: join(directory, 'data') }
    const first = outcome(await run(place))
    expect(outcome(await run(place))).toEqual(first)
  }, 30_000)
})
