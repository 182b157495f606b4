/**
 * Rows of the topic `activity`: an accepted event, as the sink declares it. The topic holds every event
 * in full, and the inbox that it came from holds it in full as well, so its text is taken over from
 * there where it stands as the router wrote it: encoding it a second time would give the same bytes.
 */
import { type Codec, type Mode, type RecordInfo, textCodec } from '#engine'
import { type CustomerEvent, type OrderMeaning, orderMeaning } from '#operators'

export interface ActivityRow {
  readonly customer: string
  readonly event: CustomerEvent
  /** How long after it happened it came in, ms. */
  readonly late_ms: number
  readonly order: OrderMeaning | null
  readonly mode: Mode
}

/** A row on its way out; `told` is valid until the next record. */
export interface OutgoingActivity extends ActivityRow {
  /** The event as JSON in UTF-8; null: to be encoded. */
  readonly told: Uint8Array | null
}

/** What an inbox record begins with that the router made, and no other one. */
const ROUTED = Buffer.from('{"kind":"event","event":')

export function activityRow(event: CustomerEvent, info: RecordInfo): OutgoingActivity {
  return {
    customer: info.key ?? '',
    event,
    late_ms: Math.max(0, event.receivedAt - event.at),
    order: orderMeaning(event),
    mode: info.mode,
    // A forwarded event has hops, and its record says more behind the event.
    told: event.hops === 0 ? routedEvent(info.bytes) : null,
  }
}

function routedEvent(record: Buffer): Buffer | null {
  if (record.compare(ROUTED, 0, ROUTED.length, 0, Math.min(ROUTED.length, record.length)) !== 0)
    return null
  return record.subarray(ROUTED.length, -1)
}

/** Writes the bytes that JSON of an `ActivityRow` has. */
export const activityCodec: Codec<OutgoingActivity> = {
  name: 'activity',
  write(row, out) {
    const { customer, event, late_ms, order, mode, told } = row
    textCodec.write(`{"customer":${JSON.stringify(customer)},"event":`, out)
    if (told === null) textCodec.write(JSON.stringify(event), out)
    else out.raw(told)
    const meaning = order === null ? 'null' : JSON.stringify(order)
    textCodec.write(`,"late_ms":${late_ms},"order":${meaning},"mode":"${mode}"}`, out)
  },
  read: (bytes) => ({ ...(JSON.parse(bytes.toString()) as ActivityRow), told: null }),
}
