import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ENGINES } from './engines.ts'
import { PEERS, scriptOf } from './places.ts'

const read = (...path: string[]): string => readFileSync(join(PEERS, ...path), 'utf8')

describe('engines', () => {
  test.each(ENGINES)('$id has its script', ({ script }) => {
    expect(existsSync(scriptOf(script))).toBe(true)
  })

  test('titles name the versions that are pinned', () => {
    const pom = read('jvm', 'pom.xml')
    const pinned = {
      'Flink ': /<flink\.version>(.*)</.exec(pom)?.[1],
      'Kafka Streams ': /<kafka\.version>(.*)</.exec(pom)?.[1],
      'bytewax ': /^bytewax==(.*)$/m.exec(read('bytewax', 'requirements.txt'))?.[1],
      'Quix Streams ': /^quixstreams==(.*)$/m.exec(read('quix', 'requirements.txt'))?.[1],
    }
    for (const [name, version] of Object.entries(pinned)) {
      const titles = ENGINES.filter((engine) => engine.title.startsWith(name))
      expect(titles.length).toBeGreaterThan(0)
      for (const { title } of titles) expect(title).toMatch(`${name}${version}`)
    }
  })

  test('every Python package is pinned to one version', () => {
    for (const engine of ['bytewax', 'quix'])
      for (const line of read(engine, 'requirements.txt').trim().split('\n'))
        expect(line).toMatch(/^[a-z-]+==\d[\d.]*$/)
  })
})
