/**
 * q11: bids per session of a bidder.
 *
 * A pause of exactly the gap does not end a session, so a session may close only once the watermark
 * has passed last + gap. Closing is driven by a wheel of one-second slots that holds bidders, not
 * sessions: a bidder sits in at most one slot and is put back when a session has grown meanwhile,
 * so a bid costs no wheel operation.
 */
import type { Emit, NexmarkQuery } from './query.ts'

const GAP_MS = 10_000
const SLOT_MS = 1_000

interface Session {
  first: number
  last: number
  count: number
}

/** Adds a bid to the sessions of one bidder, uniting those it connects. */
function addBid(sessions: Session[], time: number): void {
  const latest = sessions[sessions.length - 1]
  if (latest !== undefined && time >= latest.last && time - latest.last <= GAP_MS) {
    latest.last = time
    latest.count++
    return
  }
  const merged: Session = { first: time, last: time, count: 1 }
  const apart: Session[] = []
  for (const s of sessions)
    if (s.first - time <= GAP_MS && time - s.last <= GAP_MS) {
      merged.first = Math.min(merged.first, s.first)
      merged.last = Math.max(merged.last, s.last)
      merged.count += s.count
    } else apart.push(s)
  apart.push(merged)
  apart.sort((a, b) => a.first - b.first)
  sessions.splice(0, sessions.length, ...apart)
}

export function q11(emit: Emit): NexmarkQuery {
  const byBidder = new Map<number, Session[]>()
  const wheel = new Map<number, number[]>()
  let watermark = Number.NEGATIVE_INFINITY
  let nextSlot = Number.POSITIVE_INFINITY

  /** Looks at the bidder again in the slot after the one in which `expiry` lies. */
  function schedule(bidder: number, expiry: number): void {
    const slot = Math.floor(expiry / SLOT_MS) + 1
    const waiting = wheel.get(slot)
    if (waiting === undefined) wheel.set(slot, [bidder])
    else waiting.push(bidder)
    nextSlot = Math.min(nextSlot, slot)
  }

  function closeExpired(bidder: number): void {
    const sessions = byBidder.get(bidder) as Session[]
    let s = sessions[0]
    while (s !== undefined && s.last + GAP_MS < watermark) {
      emit(`${bidder},${s.count},${s.first},${s.last + GAP_MS}`)
      sessions.shift()
      s = sessions[0]
    }
    if (s === undefined) byBidder.delete(bidder)
    else schedule(bidder, s.last + GAP_MS)
  }

  return {
    onMessage(message) {
      if (message.event_type !== 2) return
      const { bidder, dateTime } = message.bid
      const sessions = byBidder.get(bidder)
      if (sessions !== undefined) return addBid(sessions, dateTime)
      if (dateTime + GAP_MS < watermark) return
      byBidder.set(bidder, [{ first: dateTime, last: dateTime, count: 1 }])
      schedule(bidder, dateTime + GAP_MS)
    },
    onWatermark(now) {
      watermark = now
      if (nextSlot * SLOT_MS > watermark) return
      for (const slot of [...wheel.keys()].sort((a, b) => a - b)) {
        if (slot * SLOT_MS > watermark) break
        const bidders = wheel.get(slot) as number[]
        wheel.delete(slot)
        for (const bidder of bidders) closeExpired(bidder)
      }
      nextSlot = Math.min(...wheel.keys())
    },
  }
}
