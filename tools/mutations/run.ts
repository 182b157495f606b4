/**
 * Breaks each safety rule in turn, in a private copy of the sources, and asks the tests and the simulation
 * whether they notice.
 *
 *   npm run mutations                       all of them
 *   npm run mutations -- --seeds 200 fenc   those with `fenc` in their name, 200 seeds each
 *   npm run mutations -- --json             as JSON
 *
 * Prints for each the first seed whose outcome differs and the first test that fails. Exit code 1 where
 * nobody notices one, 2 where an edit does not fit the sources any more.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from '../files.ts'
import { type Edit, MUTATIONS, type Mutation } from './mutations.ts'

interface Noticed {
  readonly mutation: string
  readonly rule: string
  /** The first seed that is not sound, and how; null: none of those tried. */
  readonly seed: { readonly seed: number; readonly what: string } | null
  /** The first test that fails; null: none. */
  readonly test: string | null
}

const COPIED = ['engine', 'tools', 'package.json', 'tsconfig.json', 'vitest.config.ts']
/** A mutated engine may run for ever, which is noticed as well. */
const LIMIT_MS = 180_000

/** The sources in a folder of their own. */
class Copy {
  readonly #root = mkdtempSync(join(tmpdir(), 'opportune-mutations-'))

  constructor() {
    for (const path of COPIED) cpSync(join(ROOT, path), join(this.#root, path), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules'), join(this.#root, 'node_modules'))
  }

  /** @returns the way back. @throws Error where an edit does not fit */
  apply(edits: readonly Edit[]): () => void {
    const before = new Map<string, string>()
    for (const { file, find, replace } of edits) {
      const path = join(this.#root, file)
      const text = readFileSync(path, 'utf8')
      if (!before.has(path)) before.set(path, text)
      const found = text.split(find).length - 1
      if (found !== 1) throw new Error(`${file}: found ${found} times: ${find.trim()}`)
      writeFileSync(
        path,
        text.replace(find, () => replace),
      )
    }
    return () => {
      for (const [path, text] of before) writeFileSync(path, text)
    }
  }

  firstSeed(count: number): Noticed['seed'] {
    const { stdout, timedOut } = this.#run([
      '--conditions=source',
      '--import',
      'tsx',
      'tools/mutations/seeds.child.ts',
      '1',
      String(count),
    ])
    if (timedOut) return { seed: 0, what: 'does not come to an end' }
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? 'null') as Noticed['seed']
  }

  firstTest(paths: readonly string[]): string | null {
    const vitest = join('node_modules', 'vitest', 'vitest.mjs')
    const { stdout, timedOut } = this.#run([
      vitest,
      'run',
      '--project=unit',
      '--bail=1',
      '--reporter=json',
      ...paths,
    ])
    if (timedOut) return 'does not come to an end'
    const report = JSON.parse(stdout.slice(stdout.indexOf('{'))) as VitestReport
    for (const { name, message, assertionResults } of report.testResults) {
      const failed = assertionResults.find(({ status }) => status === 'failed')
      const file = name.slice(this.#root.length + 1)
      if (failed !== undefined) return `${file}: ${failed.fullName}`
      if (message !== '') return `${file}: ${message.split('\n')[0] ?? ''}`
    }
    return null
  }

  dispose(): void {
    rmSync(this.#root, { recursive: true, force: true })
  }

  #run(args: readonly string[]): { stdout: string; timedOut: boolean } {
    const { stdout, error } = spawnSync(process.execPath, args, {
      cwd: this.#root,
      encoding: 'utf8',
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
      maxBuffer: 64 << 20,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return { stdout, timedOut: error !== undefined }
  }
}

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

function ask(copy: Copy, mutation: Mutation, seeds: number): Noticed {
  const restore = copy.apply(mutation.edits)
  try {
    const { name, rule, tests } = mutation
    return { mutation: name, rule, seed: copy.firstSeed(seeds), test: copy.firstTest(tests) }
  } finally {
    restore()
  }
}

function told({ mutation, rule, seed, test }: Noticed): string {
  const verdict = seed === null && test === null ? 'SURVIVED' : 'noticed'
  return [
    `${verdict.padEnd(9)}${rule.padEnd(4)}${mutation}`,
    `             seed ${seed === null ? '-' : `${seed.seed}: ${seed.what.split('\n')[0]?.slice(0, 110)}`}`,
    `             test ${test ?? '-'}`,
  ].join('\n')
}

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seeds: { type: 'string', default: '300' }, json: { type: 'boolean' } },
  })
  const chosen = MUTATIONS.filter(
    ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
  )
  const copy = new Copy()
  const all: Noticed[] = []
  try {
    for (const mutation of chosen) {
      const noticed = ask(copy, mutation, Number(values.seeds))
      all.push(noticed)
      if (values.json !== true) console.log(told(noticed))
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 2
  } finally {
    copy.dispose()
  }
  if (values.json === true) console.log(JSON.stringify(all, null, 2))
  if (all.some(({ seed, test }) => seed === null && test === null)) process.exitCode = 1
}

main()
