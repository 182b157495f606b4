/**
 * The Yahoo Streaming Benchmark: ad events, 100 campaigns of 10 ads, one event every 10 ms.
 *
 * Every event is a pure function of (seed, index); all fields are strings, as upstream. The table
 * ad -> campaign is a plain map for every engine measured (upstream asks Redis).
 */
import { rnd } from './random.ts'

export interface AdEvent {
  readonly user_id: string
  readonly page_id: string
  readonly ad_id: string
  readonly ad_type: string
  readonly event_type: string
  /** ms since 1970, in decimal digits. */
  readonly event_time: string
  readonly ip_address: string
}

const BASE_TIME = 1_767_225_600_000
const EVENT_INTERVAL_MS = 10
const ADS = 1000
const ADS_PER_CAMPAIGN = 10
const AD_TYPES = ['banner', 'modal', 'sponsored-search', 'mail', 'mobile']
const EVENT_TYPES = ['view', 'click', 'purchase']
const FLUSH_MS = 3_600_000

const ids = (kind: string, count: number): readonly string[] =>
  Array.from(
    { length: count },
    (_, j) => `${kind.repeat(8)}-0000-4000-8000-${String(j).padStart(12, '0')}`,
  )
const USER_IDS = ids('a', 100)
const PAGE_IDS = ids('b', 100)
const AD_IDS = ids('c', ADS)
const CAMPAIGN_IDS = ids('d', ADS / ADS_PER_CAMPAIGN)

const pick = (list: readonly string[], draw: number): string => list[draw % list.length] as string

const ysbTime = (index: number): number => BASE_TIME + index * EVENT_INTERVAL_MS

/** Event `index` of the stream with this seed. */
export function ysbEvent(seed: number, index: number): AdEvent {
  return {
    user_id: pick(USER_IDS, rnd(seed, index, 11)),
    page_id: pick(PAGE_IDS, rnd(seed, index, 12)),
    ad_id: pick(AD_IDS, rnd(seed, index, 13)),
    ad_type: pick(AD_TYPES, rnd(seed, index, 14)),
    event_type: pick(EVENT_TYPES, rnd(seed, index, 15)),
    event_time: String(ysbTime(index)),
    ip_address: '1.2.3.4',
  }
}

/** The message that follows the last of `events` events on every partition: no query counts it. */
export const ysbSentinel = (events: number): AdEvent => ({
  user_id: '',
  page_id: '',
  ad_id: '',
  ad_type: '',
  event_type: 'flush',
  event_time: String(ysbTime(Math.max(events - 1, 0)) + FLUSH_MS),
  ip_address: '',
})

/** ad id -> campaign id for all 1,000 ads. */
export function campaignsByAd(): ReadonlyMap<string, string> {
  return new Map(
    AD_IDS.map((ad, j) => [ad, CAMPAIGN_IDS[Math.floor(j / ADS_PER_CAMPAIGN)] as string]),
  )
}
