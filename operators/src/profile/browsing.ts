/**
 * What a customer looked at (PRO-3): products viewed, wishlist, reviews, content.
 *
 * P10 Of each product the last time it was viewed counts; the last 20 products are kept. Of each
 *     wishlisted product the last word counts (at one instant, the removal); 50 are kept.
 */
import type { ByteReader, ByteWriter, Millis } from '#engine'
import type { JsonObject } from '../contract.ts'
import { textOf } from '../ingest/fields.ts'
import { readList } from './parts-codec.ts'

/** A product and when something was last said of it; in a wishlist a negative time: removed. */
export type Mention = readonly [id: string, at: Millis]

export interface Browsing {
  /** By rising time. */
  readonly viewed: readonly Mention[]
  /** Product Viewed events, all time. */
  readonly views: number
  readonly wishlist: readonly Mention[]
  readonly reviews: number
  /** Content viewed or shared. */
  readonly content: number
  readonly bestsellers: boolean
}

export const NO_BROWSING: Browsing = {
  viewed: [],
  views: 0,
  wishlist: [],
  reviews: 0,
  content: 0,
  bestsellers: false,
}

const MAX_VIEWED = 20
const MAX_WISHES = 50

/** Later word first in rank; at one instant the removal, then the id, decides. */
const byTime = (a: Mention, b: Mention): number =>
  Math.abs(a[1]) - Math.abs(b[1]) || b[1] - a[1] || (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)

function mention(
  list: readonly Mention[],
  news: readonly Mention[],
  limit: number,
): readonly Mention[] {
  const sorted = [...list, ...news].sort(byTime)
  const latest = new Map<string, Mention>()
  for (const entry of sorted) {
    latest.delete(entry[0])
    latest.set(entry[0], entry)
  }
  return [...latest.values()].slice(-limit)
}

export function viewProduct(browsing: Browsing, id: string, at: Millis): Browsing {
  const views = browsing.views + 1
  const newest = browsing.viewed.at(-1)?.[1] ?? 0
  // Nearly every view is the newest one: it goes to the end without sorting.
  if (at <= newest)
    return { ...browsing, views, viewed: mention(browsing.viewed, [[id, at]], MAX_VIEWED) }
  const viewed: Mention[] = []
  for (const known of browsing.viewed) if (known[0] !== id) viewed.push(known)
  viewed.push([id, at])
  if (viewed.length > MAX_VIEWED) viewed.shift()
  return { ...browsing, views, viewed }
}

export const wish = (browsing: Browsing, id: string, at: Millis, removed: boolean): Browsing => ({
  ...browsing,
  wishlist: mention(browsing.wishlist, [[id, removed ? -at : at]], MAX_WISHES),
})

export const wishCount = (browsing: Browsing): number =>
  browsing.wishlist.reduce((n, [, at]) => (at > 0 ? n + 1 : n), 0)

const BESTSELLERS = /best[\s_-]?sellers?/i

/** Whether a list or page is the shop's bestsellers, by its category, list id, name or path. */
export function isBestsellers(name: string, properties: JsonObject, context: JsonObject): boolean {
  if (BESTSELLERS.test(name)) return true
  const page = context['page']
  const path = typeof page === 'object' && page !== null ? textOf(page as JsonObject, 'path') : null
  for (const text of [
    textOf(properties, 'list_id', 'list'),
    textOf(properties, 'category'),
    textOf(properties, 'path'),
    path,
  ])
    if (text !== null && BESTSELLERS.test(text)) return true
  return false
}

export const uniteBrowsing = (mine: Browsing, theirs: Browsing): Browsing => ({
  viewed: mention(mine.viewed, theirs.viewed, MAX_VIEWED),
  views: mine.views + theirs.views,
  wishlist: mention(mine.wishlist, theirs.wishlist, MAX_WISHES),
  reviews: mine.reviews + theirs.reviews,
  content: mine.content + theirs.content,
  bestsellers: mine.bestsellers || theirs.bestsellers,
})

/** A time is told from the one before it: 20 views of an evening differ by little. */
function writeMentions(list: readonly Mention[], out: ByteWriter): void {
  out.varint(list.length)
  let before = 0
  for (const mention of list) {
    const at = mention[1]
    out.text(mention[0])
    out.signed(at - before)
    before = at
  }
}

function readMentions(reader: ByteReader): readonly Mention[] {
  let at = 0
  return readList(reader, (): Mention => [reader.text(), (at += reader.signed())])
}

export function writeBrowsing(browsing: Browsing, out: ByteWriter): void {
  writeMentions(browsing.viewed, out)
  out.varint(browsing.views)
  writeMentions(browsing.wishlist, out)
  out.varint(browsing.reviews)
  out.varint(browsing.content)
  out.byte(browsing.bestsellers ? 1 : 0)
}

type ReadMentions = (reader: ByteReader) => readonly Mention[]

export const readBrowsing = (
  reader: ByteReader,
  mentions: ReadMentions = readMentions,
): Browsing => ({
  viewed: mentions(reader),
  views: reader.varint(),
  wishlist: mentions(reader),
  reviews: reader.varint(),
  content: reader.varint(),
  bestsellers: reader.byte() === 1,
})

/** As it was written before times were told from one another. */
export const readOldBrowsing = (reader: ByteReader): Browsing =>
  readBrowsing(reader, () => readList(reader, (): Mention => [reader.text(), reader.signed()]))
