import { describe, expect, expectTypeOf, test } from 'vitest'
import { jsonCodec } from '../codec/codec.ts'
import { type ErrorCode, findError } from '../errors.ts'
import { describeMermaid, describe as describePlan, describeText } from '../topology/describe.ts'
import { type KeyedStream, type Stream, type Topology, topology } from '../topology/topology.ts'
import {
  type Both,
  type Change,
  changeJoin,
  foreignJoin,
  type JoinOn,
  type LateSide,
  type OnlyLeft,
  type OnlyRight,
  sameWindow,
  streamJoin,
  tableJoin,
  temporalJoin,
  within,
} from './index.ts'

interface Order {
  readonly id: string
  readonly user: string
}
interface User {
  readonly id: string
  readonly gone: boolean
}

const source = <T>(t: Topology, id: string): Stream<T> =>
  t.source<T>(id, { topic: id, codec: jsonCodec(), clock: { kind: 'append', idle: 'hold' } })
const on: JoinOn<Order, User> = {
  left: { key: (o) => o.user, codec: jsonCodec() },
  right: { key: (u) => u.id, codec: jsonCodec() },
  partitions: 2,
}
const reach = within({ after: 10 })
const both = (t: Topology) => [source<Order>(t, 'orders'), source<User>(t, 'users')] as const

function refusal(build: () => unknown): ErrorCode | undefined {
  try {
    build()
  } catch (error) {
    return findError(error)?.code
  }
  return undefined
}

describe('joins in the builder', () => {
  test('types of both sides flow into what comes out, and outputs follow the options', () => {
    const [orders, users] = both(topology('types'))
    const inner = orders.join('inner', users, on, streamJoin({ reach, keep: 'inner' }))
    expectTypeOf(inner.out).toEqualTypeOf<KeyedStream<Both<Order, User>>>()
    expectTypeOf(inner.late).toEqualTypeOf<KeyedStream<LateSide<Order, User>>>()
    // @ts-expect-error nothing is taken back unless the declaration says so
    expect(inner.retract).toBeUndefined()
    const left = orders.join('left', users, on, streamJoin({ reach, keep: 'left', retract: true }))
    expectTypeOf(left.retract).toEqualTypeOf<KeyedStream<Both<Order, User> | OnlyLeft<Order>>>()
    const outer = orders.join('outer', users, on, streamJoin({ reach, keep: 'outer' }))
    expectTypeOf(outer.out).toEqualTypeOf<
      KeyedStream<Both<Order, User> | OnlyLeft<Order> | OnlyRight<User>>
    >()
    const removes = (user: User): boolean => user.gone
    const table = orders.join('table', users, on, tableJoin({ keep: 'left', removes }))
    expectTypeOf(table).toEqualTypeOf<{
      readonly out: KeyedStream<Both<Order, User> | OnlyLeft<Order>>
    }>()
    const asOf = orders.join('as-of', users, on, temporalJoin({ keep: 'inner', keepFor: 5 }))
    expectTypeOf(asOf.out).toEqualTypeOf<KeyedStream<Both<Order, User>>>()
    const changes = orders.join(
      'changes',
      users,
      on,
      changeJoin({ keep: 'inner', removes: { right: removes } }),
    )
    expectTypeOf(changes.out).toEqualTypeOf<KeyedStream<Change<Both<Order, User>>>>()
    const foreign = orders.join(
      'foreign',
      users,
      on,
      foreignJoin({ keep: 'left', primary: (o: Order) => o.id }),
    )
    expectTypeOf(foreign.out).toEqualTypeOf<
      KeyedStream<Change<Both<Order, User> | OnlyLeft<Order>>>
    >()
    // @ts-expect-error a key of another type of record
    users.join('wrong', orders, on, streamJoin({ reach, keep: 'inner' }))
    // @ts-expect-error a removal of another type of record
    orders.join('wrong-too', users, on, tableJoin({ keep: 'left', removes: (o: Order) => !o.id }))
  })

  test('[JN1] [T1] a join has an id of its own, which names its state', () => {
    const [orders, users] = both(topology('t'))
    orders.join('j', users, on, streamJoin({ reach, keep: 'inner' }))
    const again = () =>
      users.join('j', users, { ...on, left: on.right }, tableJoin({ keep: 'left' }))
    expect(refusal(again)).toBe('topology_duplicate_id')
  })

  test('[JN1] [T2] an output of a join that leads nowhere is refused', () => {
    const t = topology('t')
    const [orders, users] = both(t)
    const joined = orders.join('j', users, on, streamJoin({ reach, keep: 'left', retract: true }))
    joined.out.ignore()
    joined.late.ignore()
    expect(refusal(() => t.build())).toBe('topology_unconfigured_output')
    joined.retract.ignore()
    expect(refusal(() => t.build())).toBeUndefined()
  })

  test('[JN1] [T3] a side without a key or a codec is refused, by the compiler and at run time', () => {
    const [orders, users] = both(topology('t'))
    const how = streamJoin({ reach, keep: 'inner' })
    const left = { codec: jsonCodec<Order>() }
    // @ts-expect-error the left side has no key
    expect(refusal(() => orders.join('j', users, { ...on, left }, how))).toBe('topology_unkeyed')
    const right = { key: (u: User) => u.id }
    // @ts-expect-error the right side has no codec
    expect(refusal(() => orders.join('j', users, { ...on, right }, how))).toBe('join_invalid')
  })

  test('[JN1] [T3] under keys that may turn out to be one every kind of join must say what becomes of its state', () => {
    const build = (merge?: 'discard' | 'cancel'): ErrorCode | undefined => {
      const t = topology('t')
      const [orders, users] = both(t)
      const option = merge === undefined ? {} : { merge }
      const how = streamJoin({ reach, keep: 'inner', ...option })
      const joined = orders.join('j', users, { ...on, mergeable: true }, how)
      joined.out.ignore()
      joined.late.ignore()
      return refusal(() => t.build())
    }
    expect([build(), build('discard'), build('cancel')]).toEqual([
      'topology_missing_merge',
      undefined,
      undefined,
    ])
  })

  test('[JN1] options that cannot work are refused', () => {
    for (const wrong of [
      () => within({ before: -1 }),
      () => within({ after: 0.5 }),
      () => sameWindow({ size: 0 }),
      () => sameWindow({ size: 5, offset: 0.1 }),
      () => streamJoin({ reach, keep: 'inner', lateness: -1 }),
      () => streamJoin({ reach, keep: 'inner', maxPerKey: 0 }),
      () => tableJoin({ keep: 'inner', ttl: -1 }),
      () => temporalJoin({ keep: 'inner', keepFor: Number.POSITIVE_INFINITY }),
      () => foreignJoin({ keep: 'inner', primary: (o: Order) => o.id, maxPerKey: 1.5 }),
    ])
      expect(refusal(wrong)).toBe('join_invalid')
  })

  test('describe: one topic that both sides feed, and what kind of join stands behind it', () => {
    const t = topology('shop')
    const [orders, users] = both(t)
    const joined = orders.join('buyers', users, on, streamJoin({ reach, keep: 'inner' }))
    joined.out.sink('pairs', { topic: 'pairs', codec: jsonCodec() })
    joined.late.ignore()
    const description = describePlan(t.build())
    expect(JSON.parse(JSON.stringify(description))).toEqual(description)
    expect(describeText(description)).toMatchInlineSnapshot(`
      "topology shop

      stage orders: topic orders x 1
        source orders (orders) -> buyers-sides-left
        into buyers-sides-left -> left: buyers-sides

      stage users: topic users x 1
        source users (users) -> buyers-sides-right
        into buyers-sides-right -> right: buyers-sides

      stage buyers-sides: topic buyers-sides x 2, time from orders, users
        inbox buyers-sides -> buyers
        process buyers [state v1] (inner join, within -0..+10 ms) -> pairs
        sink pairs (pairs)
      "
    `)
    expect(describeMermaid(description)).toMatchInlineSnapshot(`
      "flowchart LR
        subgraph stage_orders["orders x 1"]
          orders[/"orders"/]
        end
        subgraph stage_users["users x 1"]
          users[/"users"/]
        end
        subgraph stage_buyers_sides["buyers-sides x 2"]
          buyers_sides("buyers-sides")
          buyers{{"buyers: inner join, within -0..+10 ms"}}
          pairs[/"pairs"/]
        end
        orders -- left --> buyers_sides
        users -- right --> buyers_sides
        buyers_sides --> buyers
        buyers --> pairs
      "
    `)
  })
})
