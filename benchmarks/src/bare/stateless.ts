/** Queries that look at one bid at a time: q0, q1, q2. */
import type { Bid } from '../generator/nexmark.ts'
import type { Emit, NexmarkQuery } from './query.ts'

const eachBid = (onBid: (bid: Bid) => void): NexmarkQuery => ({
  onMessage(message) {
    if (message.event_type === 2) onBid(message.bid)
  },
  onWatermark() {},
})

export const q0 = (emit: Emit): NexmarkQuery =>
  eachBid((b) => emit(`${b.auction},${b.bidder},${b.price},${b.dateTime}`))

export const q1 = (emit: Emit): NexmarkQuery =>
  eachBid((b) => emit(`${b.auction},${b.bidder},${b.price * 908},${b.dateTime}`))

export const q2 = (emit: Emit): NexmarkQuery =>
  eachBid((b) => {
    if (b.auction % 123 === 0) emit(`${b.auction},${b.price}`)
  })
