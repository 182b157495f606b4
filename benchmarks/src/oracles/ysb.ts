/** What the Yahoo Streaming Benchmark means, computed over the whole stream at once. */
import { type AdEvent, campaignsByAd } from '../generator/ysb.ts'

const WINDOW_MS = 10_000

/** Views per campaign and window of 10 s. */
export function ysb(events: Iterable<AdEvent>): string[] {
  const campaigns = campaignsByAd()
  const counts = new Map<string, number>()
  for (const event of events) {
    if (event.event_type !== 'view') continue
    const start = Math.floor(Number(event.event_time) / WINDOW_MS) * WINDOW_MS
    const key = `${campaigns.get(event.ad_id)},${start}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return [...counts].map(([key, count]) => `${key},${count}`)
}
