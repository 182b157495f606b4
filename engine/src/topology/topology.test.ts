import { describe, expect, expectTypeOf, test } from 'vitest'
import { jsonCodec } from '../codec/codec.ts'
import { type ErrorCode, findError } from '../errors.ts'
import { operator, output, stateSpec } from '../operator.ts'
import { describeMermaid, describe as describePlan, describeText } from './describe.ts'
import { type KeyedStream, type Stream, type Topology, topology } from './topology.ts'

interface Click {
  readonly user: string
  readonly page: string
}

const clicks = (t: Topology, id = 'clicks'): Stream<Click> =>
  t.source<Click>(id, { topic: id, codec: jsonCodec(), clock: { kind: 'append', idle: 'hold' } })

const counter = operator({
  id: 'counter',
  state: stateSpec<number>({ version: 1, initial: 0 }),
  outputs: { count: output<number>(), late: output<Click>() },
  onRecord(value: Click, cx) {
    cx.set(cx.get() + 1)
    cx.emit('count', cx.get())
    if (value.page === 'late') cx.emit('late', value)
  },
})

const sink = { topic: 'out', codec: jsonCodec<never>() }

function refusal(build: () => unknown): ErrorCode | undefined {
  try {
    build()
  } catch (error) {
    return findError(error)?.code
  }
  return undefined
}

describe('topology', () => {
  test('types flow from source to sink', () => {
    const t = topology('types')
    const stream = clicks(t)
    expectTypeOf(stream.map((c) => c.page.length)).toEqualTypeOf<Stream<number>>()
    const keyed = stream.keyBy('by-user', (c) => c.user, { codec: jsonCodec() })
    expectTypeOf(keyed).toEqualTypeOf<KeyedStream<Click>>()
    expectTypeOf(keyed.filter(() => true)).toEqualTypeOf<KeyedStream<Click>>()
    const outputs = keyed.process(counter)
    expectTypeOf(outputs.count).toEqualTypeOf<KeyedStream<number>>()
    expectTypeOf(outputs.late).toEqualTypeOf<KeyedStream<Click>>()
    const branched = stream.branch(
      'b',
      { long: output<Click>(), short: output<string>() },
      () => {},
    )
    expectTypeOf(branched.short).toEqualTypeOf<Stream<string>>()
    const pages = stream.map((c) => c.page).keyBy('x', (p) => p, { codec: jsonCodec() })
    // @ts-expect-error an operator of another input type
    expect(() => pages.process(counter)).toThrow()
  })

  test('[T1] a duplicate id is refused', () => {
    const t = topology('t')
    clicks(t)
    expect(refusal(() => clicks(t))).toBe('topology_duplicate_id')
    expect(refusal(() => clicks(t, 'Not An Id'))).toBe('topology_duplicate_id')
  })

  test('[T2] an output that leads nowhere is refused, one ignored on purpose is not', () => {
    const t = topology('t')
    const { count, late } = clicks(t)
      .keyBy('u', (c) => c.user, { codec: jsonCodec() })
      .process(counter)
    count.sink('counts', sink)
    expect(refusal(() => t.build())).toBe('topology_unconfigured_output')
    late.ignore()
    expect(refusal(() => t.build())).toBeUndefined()
  })

  test('[T3] a keyed operator on an unkeyed stream is refused, by the compiler and at run time', () => {
    const t = topology('t')
    // @ts-expect-error process() is for keyed streams
    expect(refusal(() => clicks(t).process(counter))).toBe('topology_unkeyed')
  })

  test('[T3] a mergeable inbox wants merge from every operator behind it', () => {
    const t = topology('t')
    const keyed = clicks(t).keyBy('u', (c) => c.user, { codec: jsonCodec(), mergeable: true })
    const { count, late } = keyed.process(counter)
    count.ignore()
    late.ignore()
    expect(refusal(() => t.build())).toBe('topology_missing_merge')
  })

  test('[T4] a loop must be declared', () => {
    const build = (loop: boolean) => {
      const t = topology('t')
      const inbox = t.inbox<Click>('u', { codec: jsonCodec() })
      clicks(t).into(inbox, (c) => c.user)
      const { count, late } = inbox.stream().process(counter)
      count.ignore()
      late.into(inbox, (c) => c.user, { loop })
      return t.build()
    }
    expect(refusal(() => build(false))).toBe('topology_cycle')
    expect(build(true).stages.find((s) => s.id === 'u')?.upstream).toEqual(['clicks'])
  })

  test('stateless steps run in every stage that reaches them; one inbox may have several feeds', () => {
    const t = topology('t')
    const both = clicks(t, 'web')
      .merge(clicks(t, 'app'))
      .filter((c) => c.user !== '')
    const { count, late } = both
      .keyBy('u', (c) => c.user, { codec: jsonCodec(), partitions: 4 })
      .process(counter)
    count.sink('counts', sink)
    late.ignore()
    const plan = t.build()
    const stage = plan.stages.find((s) => s.id === 'u')
    expect(stage?.upstream).toEqual(['app', 'web'])
    expect(stage?.changelog).toBe('u.changelog')
    expect(
      plan.stages.filter((s) => s.nodes.some((n) => n.kind === 'filter')).map((s) => s.id),
    ).toEqual(['web', 'app'])
    expect(plan.topics.map((p) => [p.name, p.partitions])).toEqual([
      ['web', 1],
      ['app', 1],
      ['u', 4],
      ['u.changelog', 4],
      ['out', 4],
      ['t.sources', 1],
      ['dead-letters', 1],
    ])
  })

  test('describe: data, text and Mermaid', () => {
    const t = topology('shop')
    const { count, late } = clicks(t)
      .keyBy('u', (c) => c.user, { codec: jsonCodec(), partitions: 2 })
      .process(counter)
    count.sink('counts', sink)
    late.ignore()
    const description = describePlan(t.build())
    expect(JSON.parse(JSON.stringify(description))).toEqual(description)
    expect(describeText(description)).toMatchInlineSnapshot(`
      "topology shop

      stage clicks: topic clicks x 1
        source clicks (clicks) -> into-u-1
        into into-u-1 -> u

      stage u: topic u x 2, time from clicks
        inbox u -> counter
        process counter [state v1] -> count: counts
        sink counts (out)
      "
    `)
    expect(describeMermaid(description)).toMatchInlineSnapshot(`
      "flowchart LR
        subgraph stage_clicks["clicks x 1"]
          clicks[/"clicks"/]
        end
        subgraph stage_u["u x 2"]
          u("u")
          counter["counter"]
          counts[/"out"/]
        end
        clicks --> u
        u --> counter
        counter -- count --> counts
      "
    `)
  })
})
