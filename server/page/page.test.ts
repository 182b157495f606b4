import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { sampleTopology } from '../src/http/sample.ts'
import { packagePath } from '../src/package-root.ts'
import { rate, value, words } from './format.js'
import { layout } from './layout.js'

interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}
interface Drawing {
  readonly width: number
  readonly height: number
  readonly stages: readonly (Box & { readonly id: string })[]
  readonly nodes: readonly (Box & { readonly key: string; readonly stage: string })[]
  readonly edges: readonly {
    readonly from: string
    readonly to: string
    readonly kind: string
    readonly path: string
  }[]
}

const draw = (width: number): Drawing => layout(sampleTopology(), width) as unknown as Drawing

const within = (inner: Box, outer: Box): boolean =>
  inner.x >= outer.x &&
  inner.y >= outer.y &&
  inner.x + inner.width <= outer.x + outer.width &&
  inner.y + inner.height <= outer.y + outer.height

const apart = (a: Box, b: Box): boolean =>
  a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y

const pairs = <T>(all: readonly T[]): [T, T][] =>
  all.flatMap((a, i) => all.slice(i + 1).map((b): [T, T] => [a, b]))

describe.each([358, 700, 912, 1232, 1800])('the picture in %i px', (width) => {
  const drawing = draw(width)

  test('fits', () => {
    expect(drawing.width).toBeLessThanOrEqual(width)
    for (const it of drawing.stages) expect(within(it, { x: 0, y: 0, ...drawing })).toBe(true)
  })

  test('stages do not overlap, nodes neither, and each node lies in its stage', () => {
    for (const [a, b] of pairs(drawing.stages))
      expect([a.id, b.id, apart(a, b)]).toEqual([a.id, b.id, true])
    for (const [a, b] of pairs(drawing.nodes))
      expect([a.key, b.key, apart(a, b)]).toEqual([a.key, b.key, true])
    for (const node of drawing.nodes) {
      const stage = drawing.stages.find((it) => it.id === node.stage)
      expect([node.key, stage !== undefined && within(node, stage)]).toEqual([node.key, true])
    }
  })

  test('arrows are drawn between nodes that are there', () => {
    const keys = new Set(drawing.nodes.map((it) => it.key))
    expect(drawing.edges.length).toBeGreaterThan(15)
    for (const it of drawing.edges) {
      expect([keys.has(it.from), keys.has(it.to)]).toEqual([true, true])
      expect(it.path).toMatch(/^M[\d.-]/)
      expect(it.path).not.toContain('NaN')
    }
  })
})

test('helper steps are left out, and what they join is joined', () => {
  const edges = draw(1232).edges.map((it) => `${it.from} ${it.kind} ${it.to}`)
  expect(edges).toContain('events/validate flow customer-inbox/customer-inbox')
  expect(edges).toContain('control/control broadcast customer-inbox/customer-inbox')
  expect(edges).toContain('customer-inbox/identity loop customer-inbox/customer-inbox')
  expect(edges).toContain('customer-inbox/profile flow customer-inbox/touches')
  expect(edges.some((it) => /map|merge|into/i.test(it))).toBe(false)
})

test('an empty topology draws nothing and does not fail', () => {
  expect(() => layout({ id: 'x', stages: [] }, 800)).not.toThrow()
})

describe('colours', () => {
  const css = readFileSync(packagePath('server/page/page.css'), 'utf8')
  const [light = '', dark = ''] = [...css.matchAll(/:root \{([^}]*)\}/g)].map((it) => it[1] ?? '')
  const colours = (block: string): Record<string, string> =>
    Object.fromEntries([...block.matchAll(/--([\w-]+): (#\w{6})/g)].map((it) => [it[1], it[2]]))

  /** Relative luminance and contrast as WCAG 2.2 defines them. */
  const luminance = (hex: string): number => {
    const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => {
      const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const contrast = (a: string, b: string): number => {
    const [hi = 0, lo = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x)
    return (hi + 0.05) / (lo + 0.05)
  }
  const TEXT: readonly [string, readonly string[]][] = [
    ['ink', ['ground', 'surface', 'sunken', 'busy', 'plain-ground']],
    ['soft', ['ground', 'surface', 'sunken', 'plain-ground']],
    ['accent', ['ground', 'surface', 'sunken', 'busy']],
    ['good', ['good-ground', 'surface']],
    ['wait', ['wait-ground', 'surface']],
    ['bad', ['bad-ground', 'surface', 'ground']],
    ['ground', ['accent']],
  ]

  test.each([
    ['light', light],
    ['dark', dark],
  ])('%s: text has at least 4.5:1 on every ground it stands on, arrows 3:1', (_name, block) => {
    const known = colours(block)
    for (const [text, grounds] of TEXT)
      for (const ground of grounds)
        expect([text, ground, contrast(known[text] ?? '', known[ground] ?? '') >= 4.5]).toEqual([
          text,
          ground,
          true,
        ])
    for (const ground of ['ground', 'sunken'])
      expect(contrast(known['arrow'] ?? '', known[ground] ?? '')).toBeGreaterThanOrEqual(3)
  })
})

describe('words and numbers', () => {
  test('a small rate is not shown as none', () => {
    expect([rate(0), rate(0.42), rate(1204.4)]).toEqual(['0/s', '0.4/s', '1,204/s'])
  })

  test('names become words, and values one line', () => {
    expect(words('abandoned_cart')).toBe('Abandoned cart')
    expect(value('x', { a_b: 1.23456789, c: [true, null] })).toBe('a b 1.23457 · c yes, –')
    expect(value('x', '<b>')).toBe('<b>')
  })
})

test('no script of the page builds markup from text', () => {
  for (const file of [
    'dom',
    'main',
    'parts',
    'picture',
    'overview',
    'decision',
    'customer',
    'api',
  ]) {
    const code = readFileSync(packagePath(`server/page/${file}.js`), 'utf8')
    expect(code).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b/)
  }
})
