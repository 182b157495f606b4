/** What importing the operators brings with it: nothing that only training needs. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const IMPORTS: Readonly<Record<string, { readonly source: string }>> = JSON.parse(
  readFileSync(join(ROOT, 'package.json'), 'utf8'),
).imports

/** What a file imports when it is loaded or later; types leave nothing behind. */
const importsOf = (text: string): readonly string[] =>
  [
    ...text.matchAll(/^(?:import|export) (?!type )[^;'"]*?from '([^']+)'/gm),
    ...text.matchAll(/^import '([^']+)'/gm),
    ...text.matchAll(/\bimport\('([^']+)'/g),
  ].map((it) => it[1] ?? '')

/** The files and packages reachable from an entry of the project. */
function reachable(entry: string): ReadonlySet<string> {
  const seen = new Set<string>()
  const waiting = [entry]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (seen.has(name)) continue
    seen.add(name)
    if (!name.endsWith('.ts')) continue
    for (const target of importsOf(readFileSync(join(ROOT, name), 'utf8')))
      if (target.startsWith('.')) waiting.push(join(dirname(name), target))
      else waiting.push(IMPORTS[target]?.source.slice(2) ?? target)
  }
  return seen
}

const training = (from: ReadonlySet<string>): readonly string[] =>
  [...from].filter((it) =>
    /tensorflow|^models\/src\/(backend|uplift\/(network|fit|train))\.ts/.test(it),
  )

test('operators reach no tensor library and no training', () => {
  const found = reachable('operators/src/index.ts')
  expect(found).toContain('models/src/uplift/forward.ts')
  expect(found).toContain('engine/src/runtime/worker.ts')
  expect(training(found)).toEqual([])
})

test('the walk would notice: from all of the models both are reached', () => {
  expect(training(reachable('models/src/index.ts'))).toEqual(
    expect.arrayContaining(['models/src/uplift/train.ts', '@tensorflow/tfjs-core']),
  )
})
