/** The pages for people keep what they promise: links lead somewhere, commands exist, lists are whole. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ERRORS } from '#engine'
import { ProfileViewSchema } from '#operators'
import { metricsReference, topicsReference } from '#sinks'
import { renderErrors } from './errors.ts'
import { projectFiles, ROOT, readText } from './files.ts'

const pages = projectFiles('.md').map(readText)

/** What stands in code is no link and no heading. */
const prose = (text: string): string =>
  text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '')

/** The anchor that a heading gets: lower case, words joined by hyphens. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-')

const anchors = (text: string): readonly string[] =>
  [...text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.+)$/gm)].map((it) =>
    anchor(it[1] ?? ''),
  )

function brokenLinks({ file, text }: (typeof pages)[number]): readonly string[] {
  const targets = [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].map((it) => it[1] ?? '')
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false
    const [path = '', fragment] = target.split('#')
    const full = path === '' ? file : join(dirname(file), path)
    if (!existsSync(join(ROOT, full))) return true
    return (
      fragment !== undefined &&
      full.endsWith('.md') &&
      !anchors(readText(full).text).includes(fragment)
    )
  })
}

describe('links', () => {
  test('there are pages to look at', () => {
    expect(pages.map((it) => it.file)).toContain('README.md')
  })
  test.each(pages)('$file', (page) => {
    expect(brokenLinks(page)).toEqual([])
  })
  test('a broken one is noticed, in files and in anchors', () => {
    const page = (text: string) => ({ file: 'docs/probe.md', text })
    expect(brokenLinks(page('[a](nowhere.md) [b](glossary.md#nowhere) `[c](code.md)`'))).toEqual([
      'nowhere.md',
      'glossary.md#nowhere',
    ])
    expect(
      brokenLinks(page('[a](glossary.md#the-log) [b](../README.md) [c](https://x.y)')),
    ).toEqual([])
  })
})

describe('commands shown in the pages', () => {
  /** `./bin/opportune NAME` in code, inline or fenced, with the page it stands in. */
  const shown = pages.flatMap(({ file, text }) =>
    [...text.matchAll(/\.\/bin\/opportune ([a-z][a-z-]*)/g)].map((it) => ({
      file,
      name: it[1] ?? '',
    })),
  )
  const program = join(ROOT, 'server', 'src', 'program.ts')

  test('there are some', () => {
    expect(shown.length).toBeGreaterThan(5)
  })

  test('each exists', async (ctx) => {
    if (!existsSync(program))
      return ctx.skip('the command line (server/src/program.ts) is not there')
    const { createProgram } = (await import(program)) as {
      createProgram: () => { commands: readonly { name(): string; aliases(): readonly string[] }[] }
    }
    const known = createProgram().commands.flatMap((it) => [it.name(), ...it.aliases()])
    expect(shown.filter((it) => !known.includes(it.name))).toEqual([])
  })

  test('each npm script exists', () => {
    const { scripts } = JSON.parse(readText('package.json').text) as { scripts: object }
    const names = pages.flatMap(({ file, text }) =>
      [...text.matchAll(/npm run ([a-z:-]+)/g)].map((it) => ({ file, name: it[1] ?? '' })),
    )
    expect(names.length).toBeGreaterThan(3)
    expect(names.filter((it) => !(it.name in scripts))).toEqual([])
  })
})

test('docs/dependencies.md has one row for every dependency and none besides', () => {
  const manifest = JSON.parse(readText('package.json').text) as Record<string, object>
  const wanted = ['dependencies', 'optionalDependencies', 'devDependencies'].flatMap((it) =>
    Object.keys(manifest[it] ?? {}),
  )
  const rows = [...readText('docs/dependencies.md').text.matchAll(/^\| `([^`]+)` \|/gm)].map(
    (it) => it[1] ?? '',
  )
  expect(rows.toSorted()).toEqual(wanted.toSorted())
})

test('docs/errors.md is the list of the engine', () => {
  expect(readText('docs/errors.md').text).toBe(renderErrors(ERRORS))
})

test('[SNK-6] docs/metrics.md is the list of the metrics', () => {
  expect(readText('docs/metrics.md').text).toBe(metricsReference())
})

test('[SNK-1] docs/schemas.md is what the sink topics declare', () => {
  expect(readText('docs/schemas.md').text).toBe(topicsReference(ProfileViewSchema))
})

test('[SNK-6] every declared metric is fed by somebody', () => {
  const feeders = projectFiles('.ts')
    .filter((file) => /^(server|sinks)\/src\//.test(file))
    .filter((file) => !/(\.test|\.fixture|declarations)\.ts$/.test(file))
    .map((file) => readText(file).text)
  const unfed = [...metricsReference().matchAll(/^\| `(\w+)` \|/gm)]
    .map(([, name]) => name ?? '')
    .filter((name) => !feeders.some((text) => text.includes(`'${name}'`)))
  expect(unfed).toEqual([])
})
