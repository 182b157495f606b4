import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { elements, kindOf, members, objectText, stringOf } from './json-text.ts'

/** Any JSON, printed with some white space in it. */
const anyText = fc
  .tuple(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 1, '\t'))
  .map(([value, space]) => JSON.stringify(value, null, space))
const anyObject = fc.dictionary(fc.string({ unit: 'binary' }), anyText, { maxKeys: 8 })

describe('JSON taken apart', () => {
  test('[J1] elements of a list are the texts it was made of', () => {
    fc.assert(
      fc.property(fc.array(anyText), fc.constantFrom('', ' ', '\n\t '), (texts, gap) => {
        const list = `${gap}[${gap}${texts.join(`${gap},${gap}`)}${gap}]${gap}`
        expect(elements(list)).toEqual(texts)
      }),
    )
  })

  test('[J1] members of an object are the texts it was made of, whatever the keys', () => {
    fc.assert(
      fc.property(anyObject, (fields) => {
        const text = objectText(Object.entries(fields))
        expect(members(text)).toEqual(new Map(Object.entries(fields)))
        // Putting it together again changes nothing that a parser sees.
        expect(JSON.parse(objectText(members(text)))).toEqual(JSON.parse(text))
      }),
    )
  })

  test('of equal keys the last stays, also when one is written with an escape', () => {
    expect(members('{"type":1,"\\u0074ype":2}')).toEqual(new Map([['type', '2']]))
  })

  test('numbers keep their digits, and brackets and quotes in strings are text', () => {
    const text = '{"big":9007199254740993,"huge":1e999,"text":"a]}\\"[{,"}'
    expect([...members(text).values()]).toEqual(['9007199254740993', '1e999', '"a]}\\"[{,"'])
  })

  test('[J1] a hundred thousand levels do not overflow the stack', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    expect(elements(`[${deep},1]`)).toEqual([deep, '1'])
  })

  test('what a text is, and the string it stands for', () => {
    expect(['{}', ' [1]', '"{"', '1'].map(kindOf)).toEqual(['object', 'array', 'other', 'other'])
    expect([stringOf('"a\\u0062"'), stringOf('1'), stringOf(undefined)]).toEqual(['ab', null, null])
  })
})
