/**
 * A data directory with a little of everything: customers, decisions, a duplicate, and records that
 * were refused. Made by a replay, as the product makes one.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packagePath } from '../../package-root.ts'
import { replay } from '../../replay/replay.ts'

export const MONDAY = Date.UTC(2026, 10, 16, 9)

const call = (user: string, minute: number, event: string, properties: object): string =>
  JSON.stringify({
    type: 'track',
    messageId: `${user}-${minute}`,
    userId: user,
    timestamp: new Date(MONDAY + minute * 60_000).toISOString(),
    event,
    properties,
  })

const EVENTS = [
  call('anna', 0, 'Product Viewed', { product_id: 'p1', name: 'Lamp', price: 20 }),
  call('ben', 1, 'Product Added', { product_id: 'p2', name: 'Chair', price: 80, quantity: 1 }),
  call('ben', 1, 'Product Added', { product_id: 'p2', name: 'Chair', price: 80, quantity: 1 }),
  '{"type":"track","event":"Product Viewed"}',
  call('cleo', 2, 'Order Completed', { order_id: 'o1', total: 30, products: [] }),
  'not json',
  call('anna', 3, 'Product Viewed', { product_id: 'p3', name: 'Rug', price: 60 }),
]

export interface Shop {
  readonly directory: string
  remove(): void
}

export async function makeShop(): Promise<Shop> {
  const root = mkdtempSync(join(tmpdir(), 'opportune-shop-'))
  const file = join(root, 'events.ndjson')
  writeFileSync(file, `${EVENTS.join('\n')}\n`)
  const directory = join(root, 'data')
  await replay({
    file,
    format: 'ndjson',
    directory,
    partitions: 2,
    definitions: packagePath('examples/shop'),
    model: null,
  })
  return { directory, remove: () => rmSync(root, { recursive: true, force: true }) }
}
