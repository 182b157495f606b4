/** Queries that keep a row per key and put out every update of it: q17 and q18. */
import type { Emit, NexmarkQuery } from './query.ts'

interface PriceStatistics {
  total: number
  low: number
  middle: number
  high: number
  min: number
  max: number
  sum: number
}

/** Statistics of the bids on each auction. */
export function q17(emit: Emit): NexmarkQuery {
  const byAuction = new Map<number, PriceStatistics>()
  return {
    onMessage(message) {
      if (message.event_type !== 2) return
      const { auction, price } = message.bid
      let s = byAuction.get(auction)
      if (s === undefined) {
        s = { total: 0, low: 0, middle: 0, high: 0, min: price, max: price, sum: 0 }
        byAuction.set(auction, s)
      }
      s.total++
      if (price < 10_000) s.low++
      else if (price < 1_000_000) s.middle++
      else s.high++
      if (price < s.min) s.min = price
      if (price > s.max) s.max = price
      s.sum += price
      emit(`${auction},${s.total},${s.low},${s.middle},${s.high},${s.min},${s.max},${s.sum}`)
    },
    onWatermark() {},
  }
}

/** The latest bid of each bidder on each auction; a late bid changes nothing. */
export function q18(emit: Emit): NexmarkQuery {
  const latest = new Map<string, number>()
  return {
    onMessage(message) {
      if (message.event_type !== 2) return
      const { auction, bidder, dateTime } = message.bid
      const pair = `${auction},${bidder}`
      const known = latest.get(pair)
      if (known !== undefined && known > dateTime) return
      latest.set(pair, dateTime)
      emit(`${pair},${dateTime}`)
    },
    onWatermark() {},
  }
}
