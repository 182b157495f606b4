import { describe, expect, test } from 'vitest'
import type { Codec } from '../codec/codec.ts'
import { OpportuneError } from '../errors.ts'
import { broadcast, operator, output, stateSpec } from '../operator.ts'
import { drive } from './harness.ts'

type Command =
  | { readonly do: 'add'; readonly n: number }
  | { readonly do: 'arm'; readonly name: string; readonly due: number }
  | { readonly do: 'fail' }
  | { readonly do: 'mutate' }
  | { readonly do: 'clear' }
  | { readonly do: 'move'; readonly target: string; readonly link: string }

interface Total {
  readonly sum: number
  readonly parts: readonly number[]
}

/** Adds numbers, notes what fires, fails on demand after having written everything it can write. */
const counter = operator({
  id: 'counter',
  state: stateSpec<Total>({ version: 1, initial: { sum: 0, parts: [] } }),
  outputs: { sum: output<number>(), fired: output<string>(), merged: output<string>() },
  onRecord(command: Command, cx) {
    const state = cx.get()
    if (command.do === 'add') {
      cx.set({ sum: state.sum + command.n, parts: [...state.parts, command.n] })
      cx.emit('sum', state.sum + command.n)
    } else if (command.do === 'arm') cx.setTimer(command.name, command.due)
    else if (command.do === 'clear') cx.clear()
    else if (command.do === 'move') cx.transfer(command.target, command.link)
    else if (command.do === 'mutate') (state.parts as number[]).push(1)
    else {
      cx.set({ sum: -1, parts: [] })
      cx.emit('sum', -1)
      cx.setTimer('never', 1)
      cx.cancelTimer('kept')
      cx.transfer('elsewhere', 'l')
      throw new Error('on demand')
    }
  },
  onTimer(name, cx) {
    cx.emit('fired', `${cx.key}:${name}@${cx.now}`)
    if (name === 'chain') cx.setTimer('link', cx.now)
    if (name === 'broken') throw new Error('timer broke')
  },
  onMerged: (from, cx) => cx.emit('merged', `${from}->${cx.key}`),
  merge: (a, b) => ({ sum: a.sum + b.sum, parts: [...a.parts, ...b.parts].sort((x, y) => x - y) }),
})

const add = (n: number): Command => ({ do: 'add', n })
const arm = (name: string, due: number): Command => ({ do: 'arm', name, due })

describe('drive: time and timers', () => {
  test("[O1] a key's due timers fire before its record, by due time then name", () => {
    const h = drive(counter)
    h.record('k', arm('b', 5), { at: 1 })
    h.record('k', arm('a', 5), { at: 1 })
    h.record('k', arm('z', 3), { at: 1 })
    h.record('k', arm('later', 11), { at: 1 })
    h.record('k', add(1), { at: 10 })
    expect(h.outputs.map((o) => o.value)).toEqual(['k:z@3', 'k:a@5', 'k:b@5', 1])
    expect(h.timers('k')).toEqual([{ name: 'later', due: 11 }])
  })

  test('[HN1] a record fires timers of its own key only; advanceTo fires all, by due, key, name', () => {
    const h = drive(counter)
    h.record('b', arm('x', 5), { at: 1 })
    h.record('a', arm('y', 5), { at: 1 })
    h.record('a', arm('w', 7), { at: 1 })
    h.record('c', add(1), { at: 6 })
    expect(h.take('fired')).toEqual([])
    h.advanceTo(7)
    expect(h.take('fired')).toEqual(['a:y@5', 'b:x@5', 'a:w@7'])
    expect(h.now).toBe(7)
  })

  test('[HN1] a timer armed for the past fires next, and its now does not go back (O4)', () => {
    const h = drive(counter)
    h.record('k', arm('past', 2), { at: 10 })
    expect(h.take('fired')).toEqual(['k:past@10'])
    h.record('k', arm('chain', 12), { at: 10 }).advanceTo(20)
    expect(h.take('fired')).toEqual(['k:chain@12', 'k:link@12'])
  })

  test('[HN5] task time cannot go back, a late event time can', () => {
    const h = drive(counter).record('k', add(1), { at: 10 })
    expect(() => h.record('k', add(1), { at: 9, now: 9 })).toThrow('cannot go back from 10 to 9')
    expect(() => h.advanceTo(9)).toThrow('cannot go back')
    h.record('k', add(1), { at: 3 })
    expect(h.outputs.at(-1)).toEqual({ name: 'sum', key: 'k', time: 3, mode: 'live', value: 2 })
    expect(h.now).toBe(10)
  })

  test('a timer that never comes to rest is an error', () => {
    const busy = operator({
      id: 'busy',
      state: stateSpec({ version: 1, initial: 0 }),
      outputs: {},
      onRecord: (_: null, cx) => cx.setTimer('t', cx.now),
      onTimer: (name, cx) => cx.setTimer(name, cx.now),
    })
    expect(() => drive(busy).record('k', null, { at: 1 })).toThrow('does not come to rest')
  })
})

describe('drive: state', () => {
  test('[O2] a step that throws leaves no state, output, timer or transfer', () => {
    const h = drive(counter, { onError: 'record' })
    h.record('k', add(2), { at: 1 }).record('k', arm('kept', 50), { at: 1 })
    h.take()
    h.record('k', { do: 'fail' }, { at: 2 })
    expect(h.state('k')).toEqual({ sum: 2, parts: [2] })
    expect(h.timers('k')).toEqual([{ name: 'kept', due: 50 }])
    expect([...h.outputs, ...h.transfers]).toEqual([])
    expect(h.failures).toMatchObject([
      { key: 'k', step: 'record', error: { message: 'on demand' } },
    ])
    expect(() => drive(counter).record('k', { do: 'fail' }, { at: 2 })).toThrow('on demand')
  })

  test('[HN2] the timer of a failing step is spent', () => {
    const h = drive(counter, { onError: 'record' })
    h.record('k', arm('broken', 5), { at: 1 }).advanceTo(9)
    expect(h.failures).toMatchObject([{ step: 'timer', name: 'broken' }])
    expect(h.outputs).toEqual([])
    expect(h.timers('k')).toEqual([])
  })

  test('[O3] changing the state in place fails, frozen or not', () => {
    const h = drive(counter).record('k', add(1), { at: 1 })
    expect(() => h.record('k', { do: 'mutate' }, { at: 1 })).toThrow(TypeError)
    expect(() => drive(counter).record('k', { do: 'mutate' }, { at: 1 })).toThrow(TypeError)
    const bytes: Codec<Uint8Array> = {
      name: 'bytes',
      write: (value, out) => out.raw(value),
      read: (b) => b,
    }
    const inPlace = operator({
      id: 'in-place',
      state: stateSpec({ version: 1, initial: new Uint8Array(2), codec: bytes }),
      outputs: {},
      onRecord: (_: null, cx) => void cx.get().fill(7),
    })
    expect(() => drive(inPlace).record('k', null, { at: 1 })).toThrow('in place (O3)')
  })

  test('[HN4] a state that its codec loses shows in the next step', () => {
    const lossy = operator({
      id: 'lossy',
      state: stateSpec<{ last: number }>({ version: 1, initial: { last: Number.NaN } }),
      outputs: { seen: output<number>() },
      onRecord(_: null, cx) {
        cx.emit('seen', cx.get().last)
        cx.set({ last: Number.POSITIVE_INFINITY })
      },
    })
    const h = drive(lossy).record('k', null, { at: 1 }).record('k', null, { at: 1 })
    expect(h.take('seen')).toEqual([Number.NaN, null])
  })

  test('clear forgets state and timers; keys() sees what is left', () => {
    const h = drive(counter).record('k', add(1), { at: 1 }).record('k', arm('t', 9), { at: 1 })
    h.record('l', arm('t', 9), { at: 1 })
    expect(h.keys()).toEqual(['k', 'l'])
    h.record('k', { do: 'clear' }, { at: 2 })
    expect(h.keys()).toEqual(['l'])
    expect(h.state('k')).toEqual({ sum: 0, parts: [] })
  })

  test('a ttl counts from the last write', () => {
    const brief = operator({
      id: 'brief',
      state: stateSpec({ version: 1, initial: 0, ttl: 10 }),
      outputs: {},
      onRecord: (n: number, cx) => cx.set(cx.get() + n),
    })
    const h = drive(brief).record('k', 1, { at: 0 }).record('k', 1, { at: 9 }).advanceTo(18)
    expect(h.state('k')).toBe(2)
    h.record('k', 5, { at: 19 })
    expect(h.state('k')).toBe(5)
  })

  test('the context is dead after its step', () => {
    let kept: { get(): unknown } | undefined
    const leaky = operator({
      id: 'leaky',
      state: stateSpec({ version: 1, initial: 0 }),
      outputs: {},
      onRecord(_: null, cx) {
        kept = cx
      },
    })
    drive(leaky).record('k', null, { at: 1 })
    expect(() => kept?.get()).toThrow('after its step')
  })
})

describe('drive: surroundings', () => {
  const prices = broadcast<{ readonly limit: number }, number>({
    id: 'limits',
    initial: { limit: 1 },
    fold: (current, record) => ({ limit: current.limit + record }),
  })
  const profile = { id: 'profile', state: stateSpec({ version: 1, initial: { name: 'none' } }) }
  const reader = (declared: boolean) =>
    operator({
      id: 'reader',
      state: stateSpec({ version: 1, initial: 0 }),
      outputs: { saw: output<string>() },
      ...(declared && { reads: [profile], broadcasts: [prices] }),
      onRecord(what: 'read' | 'shared', cx) {
        if (what === 'read') cx.emit('saw', cx.read(profile).name)
        else cx.emit('saw', String(cx.shared(prices).limit))
      },
    })

  test('reads and broadcasts give what was put there, else the initial value', () => {
    const h = drive(reader(true)).withRead(profile, 'k', { name: 'known' })
    h.record('k', 'read', { at: 1 }).record('l', 'read', { at: 1 }).record('k', 'shared', { at: 1 })
    h.withBroadcast(prices, { record: 4 }).record('k', 'shared', { at: 1 })
    h.withBroadcast(prices, { value: { limit: 9 } }).record('k', 'shared', { at: 1 })
    expect(h.take('saw')).toEqual(['known', 'none', '1', '5', '9'])
  })

  test.each(['read', 'shared'] as const)(
    'an undeclared %s is refused, even with onError',
    (what) => {
      const h = drive(reader(false), { onError: 'record' }).withRead(profile, 'k', {
        name: 'known',
      })
      expect(() => h.record('k', what, { at: 1 })).toThrow(
        expect.objectContaining({ code: 'topology_undeclared_read' }) as OpportuneError,
      )
    },
  )

  test('a transfer is noted with its link and leaves the state of its caller', () => {
    const h = drive(counter).record('k', add(1), { at: 1 })
    h.record('k', { do: 'move', target: 'u', link: 'k>u' }, { at: 4 })
    expect(h.transfers).toEqual([{ key: 'k', target: 'u', link: 'k>u', now: 4 }])
    expect(h.state('k').sum).toBe(1)
  })
})

describe('drive: merge', () => {
  test('a hand-over joins states once per link and forgets the giver', () => {
    const h = drive(counter).record('a', add(1), { at: 1 }).record('u', add(2), { at: 1 })
    h.record('a', arm('t', 9), { at: 1 })
    expect(h.mergeInto('u', 'a', 'link')).toBe(true)
    expect(h.state('u')).toEqual({ sum: 3, parts: [1, 2] })
    expect(h.take('merged')).toEqual(['a->u'])
    expect(h.keys()).toEqual(['u'])
    h.setState('a', { sum: 1, parts: [1] })
    expect(h.mergeInto('u', 'a', 'link')).toBe(false)
    expect(h.state('u').sum).toBe(3)
  })

  test('discard keeps the target, cancel drops both, an operator without merge is refused', () => {
    const start = (merge: 'discard' | 'cancel') =>
      drive({ ...counter, merge })
        .setState('a', { sum: 1, parts: [] })
        .setState('u', { sum: 2, parts: [] }, [{ name: 't', due: 9 }])
    const kept = start('discard')
    kept.mergeInto('u', 'a', 'link')
    expect([kept.state('u').sum, kept.timers('u').length, kept.keys()]).toEqual([2, 1, ['u']])
    const dropped = start('cancel')
    dropped.mergeInto('u', 'a', 'link')
    expect(dropped.keys()).toEqual([])
    const { merge: _, ...unmergeable } = counter
    expect(() => drive(unmergeable).mergeInto('u', 'a', 'l')).toThrow('topology_missing_merge')
  })

  test("[O1] the target's due timers fire before the hand-over", () => {
    const h = drive(counter).setState('a', { sum: 1, parts: [] })
    h.record('u', arm('t', 5), { at: 1 })
    h.mergeInto('u', 'a', 'link', { now: 8 })
    expect(h.outputs.map((o) => o.value)).toEqual(['u:t@5', 'a->u'])
  })
})
