import { expect, test } from 'vitest'
import { figuresText } from './figures.ts'
import { replayText } from './summary.ts'
import { isExact, verificationText } from './verification.ts'

test('figures: a line each, spreads in brackets, lists as tables', () => {
  const spread = { median: 5, min: 4, max: 7 }
  expect(
    figuresText({ kills: 20, by_step: { commit: 3 }, queries: [{ query: 'q0', rate: spread }] }),
  ).toBe('kills    20\nby_step  commit 3\n\nqueries\nquery  rate\nq0     5 (4 to 7)\n')
})

test('a replay: read = accepted + duplicates + rejected, each with its parts', () => {
  const text = replayText({
    read: 10,
    accepted: 7,
    duplicates: 1,
    rejected: { invalid_json: 2 },
    late: 0,
    sessions: 3,
    triggers: {},
    decisions: { block: 1, send: 2 },
    output_hash: 'abc',
    seconds: 1.25,
    events_per_second: 8,
  })
  expect(text).toBe(`read              10
accepted          7
duplicates        1
rejected          2 (invalid_json 2)
late              0
sessions          3
triggers          0
decisions         3 (send 2, block 1)
seconds           1.3
events per second 8
output hash       abc
`)
})

test('a verification is exact only where outputs and state are', () => {
  const same = {
    records: 9,
    outputs: 4,
    equal: 4,
    different: 0,
    missing: 0,
    extra: 0,
    state_equal: true,
    build_recorded: 'a',
    build_now: 'a',
  }
  expect(isExact(same)).toBe(true)
  expect(verificationText(same)).toMatch(/the replay gave the recorded bytes\n$/)
  for (const off of [{ different: 1 }, { missing: 1 }, { extra: 1 }, { state_equal: false }]) {
    expect(isExact({ ...same, ...off })).toBe(false)
    expect(verificationText({ ...same, ...off })).toMatch(/DIFFERS within one build/)
    expect(verificationText({ ...same, ...off, build_now: 'b' })).toMatch(/another build\n$/)
  }
})
