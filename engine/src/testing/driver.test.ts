import { expect, test } from 'vitest'
import { jsonCodec } from '../codec/codec.ts'
import { operator, stateSpec } from '../operator.ts'
import { topology } from '../topology/topology.ts'
import { TestDriver } from './driver.ts'

const words = jsonCodec<string>()

const counter = operator({
  id: 'counter',
  state: stateSpec<number>({ version: 1, initial: 0 }),
  outputs: {},
  onRecord(_word: string, cx) {
    cx.set(cx.get() + 1)
  },
})

/** Forgets a word that comes with a minus. */
const forgetful = operator({
  id: 'forgetful',
  state: stateSpec<number>({ version: 1, initial: 0 }),
  outputs: {},
  onRecord(word: string, cx) {
    if (word.endsWith('-')) cx.clear()
    else cx.set(cx.get() + 1)
  },
})

function forgetting() {
  const t = topology('forgetting')
  const clock = { kind: 'append', idle: 'hold' } as const
  t.source<string>('words', { topic: 'words', codec: words, clock })
    .keyBy('by-word', (word) => word.slice(0, 1), { codec: words })
    .process(forgetful)
  return t
}

function counting() {
  const t = topology('counting')
  const clock = { kind: 'append', idle: 'hold' } as const
  t.source<string>('words', { topic: 'words', codec: words, clock })
    .keyBy('by-word', (word) => word, { codec: words })
    .process(counter)
  return t
}

test('[R7] a deletion that was compacted away does not come back from an older checkpoint', async () => {
  const driver = await TestDriver.start(forgetting())
  const say = async (...said: string[]): Promise<void> => {
    await driver.pipe('words', said)
    await driver.settle()
  }
  await say('a', 'b')
  await driver.restart()
  expect(driver.state('by-word', 'forgetful', 'a')).toBe(1)
  await say('a-')
  // A tombstone goes with the second pass that sees it; the last frame is never touched.
  for (const word of ['b', 'b', 'b']) {
    await say(word)
    await driver.log.compact('by-word.changelog', 0)
  }
  await driver.crash()
  expect(driver.state('by-word', 'forgetful', 'a')).toBe(0)
  expect(driver.state('by-word', 'forgetful', 'b')).toBe(4)
  await driver.stop()
})

test('[K6] [SYS-1] a crash in the middle of a checkpoint is survived, and so is a second one', async () => {
  const driver = await TestDriver.start(counting())
  for (let at = 20_000, n = 1; n <= 3; n++, at += 20_000) {
    await driver.pipe('words', ['a', 'b'], { at })
    // The checkpoint that is due by now is begun by the last cycle and still open when it returns.
    await driver.advance(at)
    await driver.crash()
    expect(driver.state('by-word', 'counter', 'a')).toBe(n)
  }
  await driver.stop()
})
