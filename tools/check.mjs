/**
 * Everything that must hold before a change lands, in one command.
 *
 *   node tools/check.mjs                all steps; the test run's closing line comes last
 *   node tools/check.mjs --fast         all but the tests
 *   node tools/check.mjs lint types     only the steps named
 *
 * Every step prints its name and its seconds. The first failure is shown whole at once, later ones
 * too; the tests run all the same, so that one run tells everything. Exit code 1 where any step
 * failed, 2 for an unknown step.
 */
import { spawn } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const TSX = ['--conditions=source', '--import', 'tsx']
const bin = (name, path) => join(ROOT, 'node_modules', name, path)

/** Cheap steps first; `tests` stays last because its closing line must be the last one printed. */
const STEPS = [
  { name: 'lockfile', does: 'complete for every platform', run: ['tools/lockfile.mjs'] },
  {
    name: 'format',
    does: 'layout and import order',
    run: [bin('@biomejs/biome', 'bin/biome'), 'check', '.'],
    mend: 'npm run format',
  },
  {
    name: 'lint',
    does: 'bugs, layers, clock and randomness',
    run: [bin('oxlint', 'bin/oxlint'), '--type-aware'],
  },
  { name: 'types', does: 'tsc', run: [bin('typescript', 'bin/tsc'), '--noEmit'] },
  { name: 'unused', does: 'files, exports, dependencies', run: [bin('knip', 'bin/knip.js')] },
  {
    name: 'generated',
    does: 'reference pages match their source',
    run: [...TSX, 'tools/generate.ts', '--check'],
    mend: 'npm run docs',
  },
  {
    name: 'requirements',
    does: 'every built rule has a test',
    run: [...TSX, 'tools/requirements.ts', '--check'],
  },
  { name: 'build', does: 'dist/', run: ['tools/bootstrap.mjs'] },
  { name: 'tests', does: '', run: [bin('vitest', 'vitest.mjs'), 'run'], live: true },
]

/** Runs one step; its output is kept unless `live`. */
function execute(step) {
  return new Promise((done) => {
    const child = spawn(process.execPath, step.run, {
      cwd: ROOT,
      stdio: ['ignore', step.live ? 'inherit' : 'pipe', step.live ? 'inherit' : 'pipe'],
      // oxlint looks for its type-aware half on the PATH, as npm scripts set it.
      env: {
        ...process.env,
        PATH: `${join(ROOT, 'node_modules', '.bin')}${delimiter}${process.env.PATH}`,
      },
    })
    const output = []
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (bytes) => output.push(bytes))
    child.once('error', (error) => done({ ok: false, output: error.message }))
    child.once('close', (code) =>
      done({ ok: code === 0, output: Buffer.concat(output).toString('utf8').trim() }),
    )
  })
}

/** Runs a step whose output is shown only where it fails. */
async function check(step) {
  const begin = performance.now()
  const { ok, output } = await execute(step)
  const seconds = ((performance.now() - begin) / 1000).toFixed(1).padStart(6)
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${step.name.padEnd(13)}${seconds} s  ${step.does}`)
  if (!ok)
    console.log(`${output}\n${step.mend === undefined ? '' : `Mend it with: ${step.mend}\n`}`)
  return ok
}

function chosen(args) {
  const names = args.filter((it) => !it.startsWith('-'))
  const unknown = names.find((name) => STEPS.every((step) => step.name !== name))
  const option = args.find((it) => it.startsWith('-') && it !== '--fast')
  if (unknown !== undefined || option !== undefined) {
    console.error(
      `No step ${unknown ?? option}. Steps: ${STEPS.map((step) => step.name).join(', ')}; option: --fast`,
    )
    process.exit(2)
  }
  return STEPS.filter((step) =>
    names.length > 0 ? names.includes(step.name) : !(args.includes('--fast') && step.live),
  )
}

const steps = chosen(process.argv.slice(2))
const failed = []
for (const step of steps.filter((it) => !it.live)) if (!(await check(step))) failed.push(step.name)
if (failed.length > 0) {
  process.exitCode = 1
  console.log(`Failed: ${failed.join(', ')} (shown above).`)
}
for (const step of steps.filter((it) => it.live)) {
  if (failed.length > 0)
    console.log('The tests run all the same; this check has failed whatever they say.')
  if (!(await execute(step)).ok) process.exitCode = 1
}
