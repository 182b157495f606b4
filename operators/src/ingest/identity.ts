/**
 * Stitches a person's ids together (ING-7; protocols, "Identity merge"). Every id is an entity of the
 * customer stage. It is either a root, which keeps a profile, or a pointer to another entity.
 *
 * State: the pointer (`to`), the last link target asked for (`asked`), and the ids known to belong
 * here (`known`, a bounded cache: forgetting one costs a link request that changes nothing).
 *
 * I2 Link K -> T, in one step: K's state goes into T's inbox (`cx.transfer`), K becomes a pointer, and
 *    a `linked` record follows the state with the call that asked for the link. K's earlier events
 *    are in the state, later ones are forwarded: each counts once, as K's inbox orders them.
 * I3 The `linked` record and the state before it travel on over pointers until they reach a root.
 *    State is never left at a pointer. The root tells the keys on the way to point at it directly.
 * I4 A call with both ids at a root that does not know the anonymous one asks that one to link.
 * I5 A second link, to another target, moves only the pointer: history stays where it is (two people
 *    on one device). Both are recorded.
 * I6 A circle of pointers is opened at the least key of the circle as it is found, which becomes the
 *    root again: two ids linked to each other end the same way whichever link came first, and links
 *    that were made at once and close a circle leave one root with everything.
 * I7 An event is forwarded at most 4 times, then refused with a code (a dead letter, to be redriven);
 *    the same step sends a `linked` record along the chain, which shortens it.
 * I8 In any order of arrival, with repeats, in any interleaving of the ids' inboxes, the person
 *    ends with one root and one and the same profile.
 *
 * Relies on the stage: what a step transfers and emits to one target arrives there in that order.
 */
import { type Context, operator, output, stateSpec } from '#engine'
import type { CustomerEvent, EventRecord, Forward, InboxRecord, LinkedRecord } from '../contract.ts'
import type { IdentityRefusal } from './reasons.ts'
import { anonymousKey, linkTarget, routingKey, userKey } from './routing.ts'

export interface IdentityState {
  readonly to: string | null
  readonly asked: string | null
  /** Oldest first. */
  readonly known: readonly string[]
}

/** One row of the `identities` table: `id` belongs to `target` since `at`. */
export interface IdentityRow {
  readonly id: string
  readonly target: string
  readonly at: number
  readonly cause: 'linked' | 'repointed' | 'opened'
}

export interface RefusedRow {
  readonly code: IdentityRefusal
  readonly id: string
  /** What was not processed; null where only a link was refused and nothing is lost. */
  readonly event: CustomerEvent | null
}

const MAX_HOPS = 4
/** `linked` records may go further: events in flight made the chain longer than it will stay. */
const MAX_PATH = 16
const MAX_KNOWN = 64

const ROOT: IdentityState = { to: null, asked: null, known: [] }

const outputs = {
  /** What goes on in this key's pipeline. */
  event: output<CustomerEvent>(),
  forward: output<Forward>(),
  identity: output<IdentityRow>(),
  refused: output<RefusedRow>(),
}
type Cx = Context<IdentityState, typeof outputs>

export const identity = operator({
  id: 'identity',
  state: stateSpec({ version: 1, initial: ROOT }),
  outputs,
  // Never part of a hand-over: each id keeps its own pointer.
  merge: 'discard',
  onRecord(record: InboxRecord, cx: Cx) {
    switch (record.kind) {
      case 'event':
        return onEvent(record, cx)
      case 'link':
        return link(cx, record.target, { link: record.link, at: record.at, event: null })
      case 'linked':
        return onLinked(record, cx)
      case 'redirect': {
        const state = cx.get()
        if (state.to === record.was && record.target !== cx.key)
          cx.set({ ...state, to: record.target })
      }
    }
  },
})

function onEvent(record: EventRecord, cx: Cx): void {
  const { event } = record
  const target = linkTarget(event, cx.key)
  if (target !== null && target !== cx.get().asked) {
    askOtherNamespace(event, target, cx)
    return link(cx, target, { link: linkName(event, cx.key), at: event.at, event })
  }
  const { to } = cx.get()
  return to === null ? accept(record, cx) : forward(record, to, cx)
}

const linkName = (event: CustomerEvent, key: string): string => `${event.messageId} ${key}`

/** An alias does not say whether previousId names a user or a visitor: both are asked. */
function askOtherNamespace(event: CustomerEvent, target: string, cx: Cx): void {
  if (event.type !== 'alias' || event.previousId === null) return
  const other = userKey(event.previousId)
  if (cx.key === other || other === target || event.anonymousId === event.previousId) return
  const link = linkName(event, other)
  cx.emit('forward', { to: other, record: { kind: 'link', target, link, at: event.at } })
}

interface LinkAsked {
  readonly link: string
  readonly at: number
  readonly event: CustomerEvent | null
}

/** I2, I5. */
function link(cx: Cx, target: string, asked: LinkAsked): void {
  const state = cx.get()
  if (target === cx.key || target === state.asked) return
  cx.set({ to: target, asked: target, known: [] })
  const first = state.to === null
  const cause = first ? 'linked' : 'repointed'
  cx.emit('identity', { id: cx.key, target, at: asked.at, cause })
  if (first) {
    cx.transfer(target, `${asked.link} 0`)
    const record: LinkedRecord = { kind: 'linked', ...asked, path: [cx.key] }
    cx.emit('forward', { to: target, record })
  } else if (asked.event !== null) forward({ kind: 'event', event: asked.event }, target, cx)
}

function forward(record: EventRecord, to: string, cx: Cx): void {
  const { event, via = to } = record
  if (event.hops < MAX_HOPS) {
    const next = { ...event, hops: event.hops + 1 }
    cx.emit('forward', { to, record: { kind: 'event', event: next, via } })
    return
  }
  cx.emit('refused', { code: 'identity_chain_too_long', id: cx.key, event })
  const shorten = `${linkName(event, cx.key)} shorten`
  passOn({ kind: 'linked', link: shorten, path: [], at: event.at, event: null }, to, cx)
}

/** At a root: the event goes down this key's pipeline. */
function accept(record: EventRecord, cx: Cx): void {
  const { event, via } = record
  if (event.hops > 1 && via !== undefined && via !== cx.key)
    cx.emit('forward', {
      to: routingKey(event),
      record: { kind: 'redirect', target: cx.key, was: via },
    })
  askToLink(event, cx)
  cx.emit('event', event)
}

/** I4. */
function askToLink(event: CustomerEvent, cx: Cx): void {
  if (event.userId === null || event.anonymousId === null) return
  const other = anonymousKey(event.anonymousId)
  if (other === cx.key) return
  if (!learn([other], cx)) return
  const record = {
    kind: 'link',
    target: cx.key,
    link: linkName(event, other),
    at: event.at,
  } as const
  cx.emit('forward', { to: other, record })
}

/** @returns whether any of the ids was news */
function learn(ids: readonly string[], cx: Cx): boolean {
  const state = cx.get()
  const news = ids.filter((id) => id !== cx.key && !state.known.includes(id))
  if (news.length === 0) return false
  cx.set({ ...state, known: [...state.known, ...news].slice(-MAX_KNOWN) })
  return true
}

function onLinked(record: LinkedRecord, cx: Cx): void {
  const { to } = cx.get()
  if (to !== null) {
    const since = record.path.indexOf(cx.key)
    const circle = since < 0 ? [] : record.path.slice(since)
    const opens = circle.length > 0 && circle.every((key) => cx.key <= key)
    if (!opens && record.path.length < MAX_PATH) return passOn(record, to, cx)
    open(record, opens ? 'identity_cycle' : 'identity_chain_too_long', cx)
  }
  learn(record.path, cx)
  for (const [i, key] of record.path.entries()) {
    const was = record.path[i + 1]
    if (was === undefined || was === cx.key || key === cx.key) continue
    cx.emit('forward', { to: key, record: { kind: 'redirect', target: cx.key, was } })
  }
  if (record.event !== null) accept({ kind: 'event', event: record.event }, cx)
}

/** I3: the state that came to this pointer goes on, and the record behind it. */
function passOn(record: LinkedRecord, to: string, cx: Cx): void {
  cx.transfer(to, `${record.link} ${record.path.length}`)
  cx.emit('forward', { to, record: { ...record, path: [...record.path, cx.key] } })
}

/** I6: the pointer is taken back; the state that was travelling stays here. */
function open(record: LinkedRecord, code: IdentityRefusal, cx: Cx): void {
  cx.set({ ...cx.get(), to: null })
  cx.emit('refused', { code, id: cx.key, event: null })
  cx.emit('identity', { id: cx.key, target: cx.key, at: record.at, cause: 'opened' })
}
