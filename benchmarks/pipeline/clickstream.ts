/**
 * A synthetic clickstream for measuring the whole path: tracking calls as JSON bytes.
 *
 * It has the shape of a shop's traffic, not its statistics: sessions that run side by side, each a
 * walk over pages, product views, cart changes and at times an order; few customers who come often
 * and many who come rarely (half of the sessions are drawn with probability 1/rank, half evenly);
 * one session in ten by a customer who was here a moment ago. For results that mean something about
 * marketing there is the simulator.
 *
 * The same options give the same stream: every draw is a 32-bit integer hash of (seed, event, field).
 * Memory grows with the number of sessions open at once, which is bounded, and not with customers or
 * events.
 */
import { rnd } from '../src/generator/random.ts'

export interface ClickstreamOptions {
  readonly customers: number
  readonly events: number
  readonly seed: number
  /** ms since 1970 of the first event. */
  readonly startAt: number
  /** Events a second of event time. */
  readonly rate: number
}

export interface ClickstreamEvent {
  /** `c0` .. `c<customers - 1>` */
  readonly userId: string
  /** Event time, ms since 1970; never falls. */
  readonly time: number
  /** The call as JSON, about 300 bytes. */
  readonly bytes: Buffer
}

interface Session {
  readonly id: number
  readonly customer: number
  product: number
  readonly cart: number[]
  steps: number
}

/** What a step of a session comes to: the members of the call that are particular to it, as JSON. */
type Step = string

const PRODUCTS = 5_000
const CATEGORIES = 40
const MAX_CART = 6
const MAX_STEPS = 60
/** Mean pause between two steps of one session; with the rate it gives the number of open sessions. */
const PAUSE_SECONDS = 20
/** Above it sessions step faster than people do, rather than not getting past their first pages. */
const MAX_OPEN_SESSIONS = 20_000
const RECENT_CUSTOMERS = 1_024

/** Fields of the draws for one event. */
const DRAW = { start: 1, pick: 2, customer: 3, rank: 4, action: 5, product: 6, recent: 7 } as const

/** Pence. */
const priceOf = (product: number): number => 199 + ((product * 7_919) % 9_800)

/** Members of a product, without braces: made once, since every other call holds one. */
const productMembers: readonly string[] = Array.from({ length: PRODUCTS }, (_, product) => {
  const members = JSON.stringify({
    product_id: `p${product}`,
    name: `Product number ${product}`,
    category: `category-${product % CATEGORIES}`,
    brand: `brand-${product % 97}`,
    price: priceOf(product) / 100,
  })
  return members.slice(1, -1)
})

const CONTEXT = JSON.stringify({
  library: { name: 'clickstream', version: '1' },
  locale: 'en-GB',
})

const page = (name: string): Step => `"type":"page","name":"${name}"`

const identify = (customer: number): Step =>
  `"type":"identify","traits":{"firstName":"Name${customer % 500}","country":"United Kingdom"}`

const track = (event: string, product: number, more = ''): Step =>
  `"type":"track","event":"${event}","properties":{${productMembers[product]}${more}}`

/** The action that a draw falls on; weights are shares of a thousand and add up to it. */
function choose<A extends string>(draw: number, weights: readonly (readonly [A, number])[]): A {
  let left = draw % 1000
  for (const [action, weight] of weights) {
    if (left < weight) return action
    left -= weight
  }
  return (weights[weights.length - 1] as readonly [A, number])[0]
}

const EMPTY_CART = [
  ['view', 560],
  ['page', 180],
  ['add', 130],
  ['identify', 10],
  ['leave', 120],
] as const

const FULL_CART = [
  ['view', 430],
  ['page', 120],
  ['add', 130],
  ['remove', 60],
  ['order', 110],
  ['identify', 10],
  ['leave', 140],
] as const

/** A customer: half by rank (each power of two of ranks equally often), half evenly. */
function drawCustomer(options: ClickstreamOptions, index: number): number {
  const { customers, seed } = options
  const draw = rnd(seed, index, DRAW.customer)
  if (draw % 2 === 0) return (draw >>> 1) % customers
  const octaves = 32 - Math.clz32(customers)
  const low = 2 ** ((draw >>> 1) % octaves)
  return Math.min(low + (rnd(seed, index, DRAW.rank) % low), customers) - 1
}

const cartMembers = (session: Session): string => `,"cart_id":"k${session.id}","quantity":1`

/** Buys what is in the cart. */
function order(session: Session, index: number): Step {
  const products = session.cart.map((p) => `{${productMembers[p]},"quantity":1}`)
  const pence = session.cart.reduce((sum, p) => sum + priceOf(p), 0)
  session.cart.length = 0
  return (
    '"type":"track","event":"Order Completed","properties":' +
    `{"order_id":"o${index}","total":${pence / 100},"currency":"GBP","products":[${products.join()}]}`
  )
}

/** The next step of a session; undefined when the customer leaves. */
function nextStep(session: Session, seed: number, index: number): Step | undefined {
  if (session.steps === 0) return page('Home')
  if (session.steps >= MAX_STEPS) return undefined
  const draw = rnd(seed, index, DRAW.action)
  let action: (typeof FULL_CART)[number][0] =
    session.cart.length === 0 ? choose(draw, EMPTY_CART) : choose(draw, FULL_CART)
  // Nothing can be added before a product was seen, or once the cart is full.
  if (action === 'add' && (session.product < 0 || session.cart.length >= MAX_CART)) action = 'view'
  switch (action) {
    case 'view':
      session.product = rnd(seed, index, DRAW.product) % PRODUCTS
      return track('Product Viewed', session.product)
    case 'page':
      return page(`Category ${draw % CATEGORIES}`)
    case 'add':
      session.cart.push(session.product)
      return track('Product Added', session.product, cartMembers(session))
    case 'remove': {
      const product = session.cart.pop() as number
      return track('Product Removed', product, cartMembers(session))
    }
    case 'order':
      return order(session, index)
    case 'identify':
      return identify(session.customer)
    case 'leave':
      return undefined
  }
}

/** Puts steps on the time line and around them what all calls have. */
class CallWriter {
  readonly #timing: Pick<ClickstreamOptions, 'startAt' | 'rate'>
  readonly #stream: string
  #time = Number.NaN
  #timestamp = ''

  /** @param stream what the message ids are unique in */
  constructor(timing: Pick<ClickstreamOptions, 'startAt' | 'rate'>, stream: string) {
    this.#timing = timing
    this.#stream = stream
  }

  write(index: number, customer: number, step: Step): ClickstreamEvent {
    const time = this.#timing.startAt + Math.floor((index * 1000) / this.#timing.rate)
    if (time !== this.#time) {
      this.#time = time
      this.#timestamp = new Date(time).toISOString()
    }
    const userId = `c${customer}`
    const text =
      `{"messageId":"${this.#stream}-${index}","userId":"${userId}",` +
      `"timestamp":"${this.#timestamp}","context":${CONTEXT},${step}}`
    return { userId, time, bytes: Buffer.from(text, 'latin1') }
  }
}

/** One identify call for each customer, so that all of them are in state before measuring begins. */
export function* introductions(
  options: Pick<ClickstreamOptions, 'customers' | 'seed' | 'startAt' | 'rate'>,
): Generator<ClickstreamEvent> {
  const writer = new CallWriter(options, `introduction-${options.seed}`)
  for (let customer = 0; customer < options.customers; customer++)
    yield writer.write(customer, customer, identify(customer))
}

/** The stream: `events` calls in order of time. */
export function* clickstream(options: ClickstreamOptions): Generator<ClickstreamEvent> {
  const { seed, customers } = options
  const target = Math.max(
    1,
    Math.min(Math.ceil(customers / 4), Math.ceil(options.rate * PAUSE_SECONDS), MAX_OPEN_SESSIONS),
  )
  const open: Session[] = []
  const recent: number[] = []
  const writer = new CallWriter(options, `click-${seed}`)
  let sessions = 0

  /** A session that begins with this event. */
  function start(index: number): Session {
    const draw = rnd(seed, index, DRAW.recent)
    const again = draw % 10 === 0 ? recent[(draw >>> 4) % Math.max(recent.length, 1)] : undefined
    const customer = again ?? drawCustomer(options, index)
    const session = { id: sessions++, customer, product: -1, cart: [], steps: 0 }
    open.push(session)
    return session
  }

  function end(at: number): void {
    const session = open[at] as Session
    // Order among open sessions does not matter, so the last one fills the gap.
    const last = open.pop() as Session
    if (last !== session) open[at] = last
    recent[session.id % RECENT_CUSTOMERS] = session.customer
  }

  for (let index = 0; index < options.events; index++) {
    // While the shop fills, half of the events open a session; later only leaving makes room.
    const filling =
      open.length < target && (open.length === 0 || rnd(seed, index, DRAW.start) % 2 === 0)
    const at = filling ? -1 : rnd(seed, index, DRAW.pick) % open.length
    let session = filling ? start(index) : (open[at] as Session)
    let step = nextStep(session, seed, index)
    if (step === undefined) {
      end(at)
      session = start(index)
      step = nextStep(session, seed, index) as Step
    }
    session.steps++
    yield writer.write(index, session.customer, step)
  }
}
