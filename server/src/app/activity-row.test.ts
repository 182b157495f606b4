import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteWriter, type RecordInfo } from '#engine'
import { type CustomerEvent, parseEvent } from '#operators'
import { activityCodec, activityRow } from './activity-row.ts'

const AT = Date.UTC(2026, 0, 1)

const call = fc
  .record({
    type: fc.constant('track'),
    event: fc.constantFrom('Order Completed', 'Product Viewed', 'Ü "quoted" \\ name'),
    userId: fc.constantFrom('42', 'ü\u{1f600}', 'a"b'),
    properties: fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 2 })),
  })
  .map((fields) => parseEvent(Buffer.from(JSON.stringify(fields)), AT))
  .filter((parsed) => parsed.ok)
  .map(({ event }) => event)

/** The row's bytes where the event stands in `record`, as the inbox holds it. */
function written(event: CustomerEvent, record: object): string {
  const bytes = Buffer.from(JSON.stringify(record))
  const info = { key: 'u:42', mode: 'live', bytes } as unknown as RecordInfo
  // What an operator gets has been through the inbox.
  const heard = JSON.parse(JSON.stringify(event)) as CustomerEvent
  const out = new ByteWriter()
  activityCodec.write(activityRow(heard, info), out)
  return out.copy().toString()
}

describe('activity rows', () => {
  test('are the JSON of the row, however the event came here', () => {
    fc.assert(
      fc.property(call, fc.nat(2), (given, hops) => {
        const event = { ...given, hops }
        const { told: _, ...row } = activityRow(
          JSON.parse(JSON.stringify(event)) as CustomerEvent,
          {
            key: 'u:42',
            mode: 'live',
            bytes: Buffer.alloc(0),
          } as unknown as RecordInfo,
        )
        const expected = JSON.stringify(row)
        const linked = { kind: 'linked', link: 'l', path: ['a:1'], at: AT, event }
        expect(written(event, { kind: 'event', event })).toBe(expected)
        expect(written(event, linked)).toBe(expected)
        if (hops > 0) expect(written(event, { kind: 'event', event, via: 'u:1' })).toBe(expected)
      }),
    )
  })
})
