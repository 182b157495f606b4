import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Operator, operator, output, stateSpec } from '../operator.ts'
import { counting, Plant, settle } from './worker.fixture.ts'

const outputs = { totals: output<readonly [word: string, total: number]>() }

/** Echoes: what comes in small may go out large. */
const echo: Operator<string, number, typeof outputs> = operator({
  id: 'counter',
  state: stateSpec<number>({ version: 1, initial: 0 }),
  outputs,
  onRecord(word, cx) {
    cx.set(cx.get() + 1)
    cx.emit('totals', [word.endsWith('!') ? word.repeat(100) : word, cx.get()])
  },
})

let plant: Plant
beforeEach(() => {
  plant = new Plant()
})
afterEach(() => plant.close())

const words = async (): Promise<readonly string[]> =>
  (await plant.totals()).flat().map(([, word]) => word)

describe('[U5] an output that is too large', () => {
  test.each([
    ['to an inbox', 'x'.repeat(400)],
    ['to a sink', 'loud!'],
  ])('%s is a dead letter; what else the epoch holds goes on', async (_where, large) => {
    const worker = await plant.start({ on: counting([echo]), maxOutputBytes: 300 })
    await plant.say(0, 'ash', large, 'ash')
    await settle(worker)
    expect(await words()).toEqual(['ash', 'ash'])
    const letters = (await plant.values('dead-letters')).flat()
    expect(letters).toHaveLength(1)
    expect(JSON.parse(letters[0] ?? '')).toMatchObject({ code: 'log_record_too_large' })
    expect(worker.stats.aborts).toBe(0)
    // Nothing of the record is left: its key was never counted.
    await plant.say(0, 'ash')
    await settle(worker)
    expect((await plant.totals()).flat().at(-1)).toEqual([3, 'ash', 3])
  })

  test('is none where no limit was set', async () => {
    const worker = await plant.start({ on: counting([echo]) })
    await plant.say(0, 'loud!')
    await settle(worker)
    expect(await words()).toEqual(['loud!'.repeat(100)])
  })
})
