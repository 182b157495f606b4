import { describe, expect, test } from 'vitest'
import { ENGINES } from './engines.ts'
import { readOptions, UsageError } from './options.ts'

describe('options', () => {
  test('without any: every engine and query at a million events', () => {
    const options = readOptions([])
    expect(options.events).toEqual([1_000_000])
    expect(options.engines).toEqual(ENGINES)
    expect(options.queries).toEqual(['ysb', 'q5', 'q7', 'q8', 'q11', 'q18'])
    expect(options.timeoutMs).toBe(600_000)
  })

  test('lists keep their order and name nothing twice', () => {
    const options = readOptions([
      '--events',
      '5,7,5',
      '--engines',
      'quix,bytewax',
      '--queries',
      'q8',
    ])
    expect(options.events).toEqual([5, 7])
    expect(options.engines.map((engine) => engine.id)).toEqual(['quix', 'bytewax'])
    expect(options.queries).toEqual(['q8'])
  })

  test.each([
    [['--events', '0'], 'events'],
    [['--events', 'many'], 'events'],
    [['--engines', 'spark'], 'spark'],
    [['--queries', 'q99'], 'q99'],
    [['--commit-ms', '1500'], 'whole seconds'],
    [['--engine-cpus', 'all'], 'engine-cpus'],
    [['--fast'], 'fast'],
  ])('%j is refused and named', (args, named) => {
    expect(() => readOptions(args)).toThrow(UsageError)
    expect(() => readOptions(args)).toThrow(named)
  })
})
