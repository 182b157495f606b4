/**
 * Queries over windows of 10 s of event time: ysb and q7 (tumbling), q5 (hopping by 2 s).
 *
 * A window [start, end) closes when the watermark reaches `end`; its state is dropped then.
 */

import type { Bid } from '../generator/nexmark.ts'
import { campaignsByAd } from '../generator/ysb.ts'
import type { Emit, NexmarkQuery, YsbQuery } from './query.ts'

const WINDOW_MS = 10_000
const HOP_MS = 2_000
const PANES = WINDOW_MS / HOP_MS

/**
 * State per tumbling window, by start. Windows are few (the span of disorder), so closing walks them
 * all; `nextEnd` keeps the walk off the path of every message.
 */
class OpenWindows<S> {
  readonly #open = new Map<number, S>()
  readonly #create: () => S
  #nextEnd = Number.POSITIVE_INFINITY
  #watermark = Number.NEGATIVE_INFINITY

  constructor(create: () => S) {
    this.#create = create
  }

  /** The state of the window around `time`; undefined when that window is closed. */
  at(time: number): S | undefined {
    const start = Math.floor(time / WINDOW_MS) * WINDOW_MS
    const known = this.#open.get(start)
    if (known !== undefined) return known
    if (start + WINDOW_MS <= this.#watermark) return undefined
    const created = this.#create()
    this.#open.set(start, created)
    this.#nextEnd = Math.min(this.#nextEnd, start + WINDOW_MS)
    return created
  }

  closeUpTo(watermark: number, onClose: (start: number, state: S) => void): void {
    this.#watermark = watermark
    if (watermark < this.#nextEnd) return
    const starts = [...this.#open.keys()].sort((a, b) => a - b)
    for (const start of starts) {
      if (start + WINDOW_MS > watermark) break
      onClose(start, this.#open.get(start) as S)
      this.#open.delete(start)
    }
    this.#nextEnd = Math.min(...this.#open.keys()) + WINDOW_MS
  }
}

function increment<K>(counts: Map<K, number>, key: K, by = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + by)
}

/** Views per campaign and window. */
export function ysb(emit: Emit): YsbQuery {
  const campaigns = campaignsByAd()
  const windows = new OpenWindows(() => new Map<string, number>())
  return {
    onMessage(event) {
      if (event.event_type !== 'view') return
      const campaign = campaigns.get(event.ad_id)
      const counts = windows.at(Number(event.event_time))
      if (campaign !== undefined && counts !== undefined) increment(counts, campaign)
    },
    onWatermark(watermark) {
      windows.closeUpTo(watermark, (start, counts) => {
        for (const [campaign, count] of counts) emit(`${campaign},${start},${count}`)
      })
    },
  }
}

/** The highest bids of each window. */
export function q7(emit: Emit): NexmarkQuery {
  const windows = new OpenWindows(() => ({ price: -1, bids: [] as Bid[] }))
  return {
    onMessage(message) {
      if (message.event_type !== 2) return
      const { bid } = message
      const highest = windows.at(bid.dateTime)
      if (highest === undefined || bid.price < highest.price) return
      if (bid.price > highest.price) {
        highest.price = bid.price
        highest.bids = []
      }
      highest.bids.push(bid)
    },
    onWatermark(watermark) {
      windows.closeUpTo(watermark, (start, { price, bids }) => {
        for (const b of bids)
          emit(`${start + WINDOW_MS},${b.auction},${b.bidder},${price},${b.dateTime}`)
      })
    },
  }
}

/**
 * The auctions with most bids in each hopping window.
 *
 * Bids are counted once, in panes of 2 s; a window adds up its five panes when it closes. A pane goes
 * when the last window over it has closed. Windows without a bid are skipped.
 */
export function q5(emit: Emit): NexmarkQuery {
  const panes = new Map<number, Map<number, number>>()
  let watermark = Number.NEGATIVE_INFINITY
  /** End of the earliest window that is still open and may hold a bid. */
  let nextEnd = Number.POSITIVE_INFINITY

  function close(end: number): void {
    const counts = new Map<number, number>()
    for (let n = 1; n <= PANES; n++)
      for (const [auction, count] of panes.get(end - n * HOP_MS) ?? [])
        increment(counts, auction, count)
    let most = 0
    for (const count of counts.values()) if (count > most) most = count
    for (const [auction, count] of counts) if (count === most) emit(`${end},${auction},${count}`)
  }

  return {
    onMessage(message) {
      if (message.event_type !== 2) return
      const { auction, dateTime } = message.bid
      const pane = Math.floor(dateTime / HOP_MS) * HOP_MS
      let counts = panes.get(pane)
      if (counts === undefined) {
        if (pane + WINDOW_MS <= watermark) return
        counts = new Map()
        panes.set(pane, counts)
        const earliestOpen = (Math.floor(watermark / HOP_MS) + 1) * HOP_MS
        nextEnd = Math.min(nextEnd, Math.max(pane + HOP_MS, earliestOpen))
      }
      increment(counts, auction)
    },
    onWatermark(now) {
      watermark = now
      while (nextEnd <= watermark) {
        close(nextEnd)
        panes.delete(nextEnd - WINDOW_MS)
        nextEnd = panes.size === 0 ? Number.POSITIVE_INFINITY : nextEnd + HOP_MS
      }
    },
  }
}
