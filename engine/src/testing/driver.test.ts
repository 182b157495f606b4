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

function counting() {
  const t = topology('counting')
  const clock = { kind: 'append', idle: 'hold' } as const
  t.source<string>('words', { topic: 'words', codec: words, clock })
    .keyBy('by-word', (word) => word, { codec: words })
    .process(counter)
  return t
}

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
