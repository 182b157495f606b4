/**
 * Makes a checkout ready to run: dependencies installed, `dist/` built. Needs nothing but Node.
 *
 *   node tools/bootstrap.mjs [SCRIPT [ARGS...]]   prepares, then runs SCRIPT with this Node
 *
 * BOOT-1 node_modules is ready when `.opportune-install` in it names this lock file and platform. npm
 *    writes `node_modules/.package-lock.json` last, so an interrupted `npm ci` leaves neither, and an
 *    install made by hand is recognised instead of repeated.
 * BOOT-2 dist/ is ready when `dist/.opportune-build` names the sources' fingerprint. The fingerprint is
 *    taken before the build: a file that changes meanwhile makes the next start build again.
 * BOOT-3 One process at a time prepares; others wait and then look again (tools/bootstrap-lock.mjs).
 * BOOT-4 Everything said here goes to stderr: stdout belongs to the command that follows.
 *
 * The way through when everything is ready is on the start-up path of every command, so it reads one
 * file, hashes one and lists the sources' sizes and times; nothing else.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const PACKAGE_ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const LEAST_NODE = [20, 19]
/** What goes into dist/; the same list as `include` in tsconfig.build.json. */
const SOURCES = ['engine', 'operators', 'models', 'sinks', 'server', 'simulator', 'benchmarks']
const BUILD_INPUTS = ['package.json', 'tsconfig.json', 'tsconfig.build.json']

/** A failure that is told in one sentence, without a stack. */
export class BootstrapError extends Error {}

const say = (line) => process.stderr.write(`opportune: ${line}\n`)
const seconds = (since) => ((performance.now() - since) / 1000).toFixed(1)
const read = (file) => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

/** @returns a sentence where this Node is too old, else undefined */
export function nodeTooOld(version) {
  const [major, minor] = version.split('.').map(Number)
  if (major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])) return undefined
  return `Node ${LEAST_NODE.join('.')} or later is needed; this is ${version}. Install a newer Node, then run the same command again.`
}

/** Identifies what `npm ci` would install here: the lock file's bytes and the platform. */
function installKey(root) {
  const lock = readFileSync(join(root, 'package-lock.json'))
  return `${createHash('sha256').update(lock).digest('hex')} ${process.platform}-${process.arch}`
}

/** True where an install made by hand holds every package that the lock file demands (BOOT-1). */
function installedByHand(root) {
  const text = read(join(root, 'node_modules', '.package-lock.json'))
  if (text === undefined) return false
  let have
  try {
    have = JSON.parse(text).packages
  } catch {
    return false
  }
  const want = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  return Object.entries(want).every(([key, entry]) => {
    if (key === '') return true
    if (have[key] === undefined) return entry.optional === true
    return have[key].version === entry.version && existsSync(join(root, key))
  })
}

/** @returns why an install is needed, or undefined; writes the stamp where only that was missing */
export function installNeeded(root) {
  const stamp = join(root, 'node_modules', '.opportune-install')
  const key = installKey(root)
  if (read(stamp) === key) return undefined
  if (!existsSync(join(root, 'node_modules'))) return 'node_modules is missing'
  if (installedByHand(root)) {
    writeFileSync(stamp, key)
    return undefined
  }
  return existsSync(stamp)
    ? 'node_modules is older than package-lock.json'
    : 'node_modules is incomplete or older than package-lock.json'
}

function* sourceFiles(directory) {
  let entries
  try {
    entries = readdirSync(directory, { withFileTypes: true })
  } catch {
    return
  }
  for (const entry of entries) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) yield* sourceFiles(path)
    else if (entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts')) yield path
  }
}

/** Changes whenever a source that goes into dist/ is added, removed or edited. */
export function sourceFingerprint(root) {
  const hash = createHash('sha256')
  const add = (path) => {
    const { size, mtimeMs } = statSync(path)
    hash.update(`${path.slice(root.length)} ${size} ${mtimeMs}\n`)
  }
  for (const file of BUILD_INPUTS) add(join(root, file))
  for (const folder of SOURCES) for (const path of sourceFiles(join(root, folder))) add(path)
  return hash.digest('hex')
}

const buildStamp = (root) => join(root, 'dist', '.opportune-build')

/** @returns why a build is needed, or undefined */
export function buildNeeded(root, fingerprint = sourceFingerprint(root)) {
  const stamp = read(buildStamp(root))
  if (stamp === undefined) return 'dist/ is missing'
  return stamp === fingerprint ? undefined : 'the sources are newer than dist/'
}

/** Runs a child to its end, its output on stderr (BOOT-4); signals of ours are passed on to it. */
async function run(command, args, { cwd, started, env = {} }) {
  const child = spawn(command, args, {
    cwd,
    stdio: ['ignore', 2, 2],
    env: { ...env, ...process.env },
  })
  started(child.pid)
  const passOn = (signal) => child.kill(signal)
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, passOn)
  try {
    return await new Promise((done) => {
      child.once('error', (error) => done(error.message))
      child.once('exit', (code, signal) =>
        done(code === 0 ? undefined : (signal ?? `code ${code}`)),
      )
    })
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, passOn)
  }
}

async function install(root, why, started) {
  const begin = performance.now()
  say(`installing dependencies with npm ci (${why}); about half a minute, more on a slow network`)
  rmSync(join(root, 'node_modules', '.opportune-install'), { force: true })
  // Under `npm start` npm tells where it lives, which also holds where npm is not on the PATH.
  const npm = process.env.npm_execpath
  const viaNode = npm !== undefined && /npm-cli\.c?js$/.test(npm)
  const flags = [
    'ci',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]
  const failed = await run(viaNode ? process.execPath : 'npm', viaNode ? [npm, ...flags] : flags, {
    cwd: root,
    started,
    // Where the Kafka client's prebuilt binary cannot be fetched, it is built on the system's libraries.
    env: { CKJS_LINKING: 'dynamic' },
  })
  if (failed !== undefined)
    throw new BootstrapError(
      `npm ci failed (${failed}). Its words are above; mend the cause and run the same command again.`,
    )
  mkdirSync(join(root, 'node_modules'), { recursive: true })
  writeFileSync(join(root, 'node_modules', '.opportune-install'), installKey(root))
  say(`dependencies installed in ${seconds(begin)} s`)
}

async function build(root, why, started) {
  const begin = performance.now()
  const fingerprint = sourceFingerprint(root)
  say(`building dist/ (${why}); a few seconds`)
  rmSync(buildStamp(root), { force: true })
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const failed = await run(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    started,
  })
  if (failed !== undefined)
    throw new BootstrapError(
      'the sources do not compile; the errors are above. From sources: npm run dev -- COMMAND',
    )
  mkdirSync(join(root, 'dist'), { recursive: true })
  writeFileSync(buildStamp(root), fingerprint)
  say(`built in ${seconds(begin)} s`)
}

/**
 * Installs and builds what is not ready.
 * @param {{ root?: string, build?: boolean }} options `build: false` leaves dist/ alone
 * @throws BootstrapError
 */
export async function bootstrap(options = {}) {
  const root = options.root ?? PACKAGE_ROOT
  const wantsBuild = options.build ?? true
  const tooOld = nodeTooOld(process.versions.node)
  if (tooOld !== undefined) throw new BootstrapError(tooOld)
  const ready = () =>
    installNeeded(root) === undefined && !(wantsBuild && buildNeeded(root) !== undefined)
  if (ready()) return
  const { withLock } = await import('./bootstrap-lock.mjs')
  await withLock(join(root, '.cache', 'bootstrap.lock'), { say }, async (started) => {
    // Whoever held the lock before may have done the work: look again.
    const installWhy = installNeeded(root)
    if (installWhy !== undefined) await install(root, installWhy, started)
    const buildWhy = wantsBuild ? buildNeeded(root) : undefined
    if (buildWhy !== undefined) await build(root, buildWhy, started)
  })
}

async function main([script, ...args]) {
  try {
    await bootstrap({ build: script === undefined })
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error
    say(error.message)
    process.exitCode = 1
    return
  }
  if (script === undefined) return
  process.argv.splice(1, process.argv.length - 1, resolve(script), ...args)
  await import(pathToFileURL(resolve(script)).href)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2))
