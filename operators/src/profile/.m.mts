import { ByteWriter } from '#engine'
import { drive } from '#engine/testing'
import { parseEvent } from '../ingest/validate.ts'
import { hear } from './hear.ts'
import { createProfile } from './profile.ts'
import { NO_PROFILE, profileCodec } from './state.ts'
import { profileView } from './view.ts'

const T = Date.UTC(2026, 0, 1)
const day = 86400000
const mk = (i: number, name: string, at: number, properties: object) =>
  parseEvent(
    Buffer.from(
      JSON.stringify({
        type: 'track',
        event: name,
        messageId: 'm' + i,
        userId: '12345',
        anonymousId: '9f8e7d6c',
        timestamp: new Date(at).toISOString(),
        properties,
        context: { locale: 'en-GB', timezone: 'Europe/London', ip: '1.2.3.4' },
      }),
    ),
    at,
  )
let s = NO_PROFILE
let n = 0
const go = (name: string, at: number, p: object) => {
  const r = mk(n++, name, at, p)
  if (!r.ok) throw r
  s = hear(s, r.event, at)
  return r.event
}
const id = parseEvent(
  Buffer.from(
    JSON.stringify({
      type: 'identify',
      userId: '12345',
      timestamp: new Date(T).toISOString(),
      traits: {
        name: 'Eva Smith',
        email: 'eva.smith@example.com',
        address: { city: 'London', country: 'GB' },
        consents: { email: true },
      },
    }),
  ),
  T,
)
if (id.ok) s = hear(s, id.event, T)
for (let o = 0; o < 5; o++) {
  const at = T + o * 40 * day
  go('Product Viewed', at, { product_id: 'p1', name: 'Mug' })
  go('Product Added', at + 1000, { product_id: 'p1', name: 'Mug', price: 3.5, quantity: 2 })
  go('Order Completed', at + 60000, {
    order_id: '53636' + o,
    revenue: 17.85,
    products: [{ product_id: 'p1', category: 'Kitchen', price: 3.5, quantity: 2 }],
  })
}
const w = new ByteWriter()
profileCodec.write(s, w)
console.log(w.view().length, w.view().toString())
const e = go('Product Viewed', T + 200 * day, { product_id: 'p2', name: 'Cup', price: 2 })
const now = T + 200 * day
const bytes = Buffer.from(
  JSON.stringify({
    type: 'track',
    event: 'Product Viewed',
    messageId: '58524f3a-3b76-4eac-aa97-d88bccdf4f77',
    userId: '12345',
    timestamp: new Date(T).toISOString(),
    sentAt: new Date(T).toISOString(),
    properties: { product_id: 'p2', name: 'Cup blue', price: 2, category: 'Kitchen', quantity: 1 },
    context: { locale: 'en-GB', timezone: 'Europe/London', ip: '1.2.3.4' },
  }),
)
console.log('bytes', bytes.length)
for (let r = 0; r < 4; r++) {
  let t = performance.now()
  const N = 20000
  let q = s
  for (let i = 0; i < N; i++) {
    if (i % 50 === 0) q = s
    q = hear(q, { ...e, at: now + i * 1000 }, now + i * 1000)
  }
  const a = performance.now() - t
  t = performance.now()
  let x = 0
  for (let i = 0; i < N; i++)
    x += profileView(s, now + i, { customer: 'u:1', cutPoints: null }).total_orders
  const b = performance.now() - t
  t = performance.now()
  for (let i = 0; i < N; i++) x += parseEvent(bytes, now).ok ? 1 : 0
  const c = performance.now() - t
  t = performance.now()
  for (let i = 0; i < N; i++) x += Number(JSON.parse(bytes.toString('utf8')).type.length)
  const j = performance.now() - t
  t = performance.now()
  for (let i = 0; i < N; i++) {
    w.reset()
    profileCodec.write(s, w)
  }
  const d = performance.now() - t
  const cp = w.copy()
  t = performance.now()
  for (let i = 0; i < N; i++) x += profileCodec.read(cp).lastSeen
  const f = performance.now() - t
  console.log(
    'us: hear',
    ((a / N) * 1000).toFixed(2),
    'view',
    ((b / N) * 1000).toFixed(2),
    'parse',
    ((c / N) * 1000).toFixed(2),
    'jsonparse',
    ((j / N) * 1000).toFixed(2),
    'enc',
    ((d / N) * 1000).toFixed(2),
    'dec',
    ((f / N) * 1000).toFixed(2),
  )
}
