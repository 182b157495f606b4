/** Bootstraps small projects of their own, with the real npm and the real tsc. */
import { type ChildProcess, spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { buildNeeded, installNeeded, nodeTooOld, sourceFingerprint } from './bootstrap.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const TOOL = (name: string) => pathToFileURL(join(ROOT, 'tools', name)).href

let place = ''
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'opportune-bootstrap-'))
})
afterEach(() => rmSync(place, { recursive: true, force: true }))

function put(file: string, content: string | object): void {
  mkdirSync(dirname(join(place, file)), { recursive: true })
  writeFileSync(
    join(place, file),
    typeof content === 'string' ? content : JSON.stringify(content, null, 2),
  )
}

/** A project whose one dependency lies beside it, so that npm needs no network. */
function project(): void {
  const dependencies = { leaf: 'file:./leaf' }
  put('leaf/package.json', { name: 'leaf', version: '1.0.0' })
  put('package.json', { name: 'probe', version: '1.0.0', type: 'module', dependencies })
  put('package-lock.json', {
    name: 'probe',
    version: '1.0.0',
    lockfileVersion: 3,
    packages: {
      '': { name: 'probe', version: '1.0.0', dependencies },
      leaf: { version: '1.0.0' },
      'node_modules/leaf': { resolved: 'leaf', link: true },
    },
  })
  const compilerOptions = { module: 'nodenext', outDir: 'dist', rootDir: '.', types: [] }
  put('tsconfig.json', { compilerOptions })
  put('tsconfig.build.json', { extends: './tsconfig.json', include: ['engine'] })
  put('engine/src/a.ts', 'export const a: number = 1\n')
}

interface Ended {
  readonly code: number | null
  readonly said: string
}

/** Runs a line of JavaScript in a Node of its own. */
function node(code: string): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  let said = ''
  child.stderr?.on('data', (bytes) => (said += String(bytes)))
  return {
    child,
    ended: new Promise((done) => child.once('close', (code) => done({ code, said }))),
  }
}

const bootstrap = (build: boolean) =>
  node(
    `const { bootstrap } = await import('${TOOL('bootstrap.mjs')}')
     await bootstrap({ root: ${JSON.stringify(place)}, build: ${build} })`,
  )

describe('the Node version', () => {
  test.each(['20.19.0', '20.20.2', '22.0.0', '24.11.1'])('%s will do', (version) => {
    expect(nodeTooOld(version)).toBeUndefined()
  })
  test.each(['18.20.8', '20.18.3', '20.9.0'])('%s is refused with what is needed', (version) => {
    expect(nodeTooOld(version)).toContain(`Node 20.19 or later is needed; this is ${version}`)
  })
})

describe('install', () => {
  beforeEach(project)

  test('[BOOT-1] runs once, then never again until the lock file changes', async () => {
    expect(installNeeded(place)).toBe('node_modules is missing')
    const first = await bootstrap(false).ended
    expect(first.said).toContain('npm ci (node_modules is missing)')
    expect(first.said).toMatch(/installed in \d+\.\d s/)
    expect(first.code).toBe(0)
    expect(existsSync(join(place, 'node_modules/leaf/package.json'))).toBe(true)
    expect(installNeeded(place)).toBeUndefined()

    const lock = readFileSync(join(place, 'package-lock.json'), 'utf8')
    put('package-lock.json', lock.replaceAll('1.0.0', '1.0.1'))
    expect(installNeeded(place)).toBe('node_modules is older than package-lock.json')
  }, 30_000)

  test('[BOOT-1] an interrupted npm ci is repeated', () => {
    mkdirSync(join(place, 'node_modules/leaf'), { recursive: true })
    expect(installNeeded(place)).toContain('incomplete')
  })

  test('[BOOT-1] an install made by hand is recognised', () => {
    mkdirSync(join(place, 'node_modules/leaf'), { recursive: true })
    const { packages } = JSON.parse(readFileSync(join(place, 'package-lock.json'), 'utf8'))
    put('node_modules/.package-lock.json', { packages })
    expect(installNeeded(place)).toBeUndefined()
    expect(existsSync(join(place, 'node_modules/.opportune-install'))).toBe(true)
  })

  test('[BOOT-1] a package gone from node_modules is noticed', () => {
    mkdirSync(join(place, 'node_modules'))
    const { packages } = JSON.parse(readFileSync(join(place, 'package-lock.json'), 'utf8'))
    put('node_modules/.package-lock.json', { packages })
    expect(installNeeded(place)).toContain('incomplete')
  })

  test('a failing npm ci is told with its words and leaves no stamp', async () => {
    put('package.json', {
      name: 'probe',
      version: '1.0.0',
      dependencies: { other: 'file:./other' },
    })
    const { code, said } = await bootstrap(false).ended
    expect(code).toBe(1)
    expect(said).toContain('npm ci failed')
    expect(said).toContain('npm error')
    expect(existsSync(join(place, 'node_modules/.opportune-install'))).toBe(false)
  }, 30_000)

  test('[BOOT-3] two at once: one installs, the other waits and finds it done', async () => {
    const ended = await Promise.all([bootstrap(false).ended, bootstrap(false).ended])
    expect(ended.map((it) => it.code)).toEqual([0, 0])
    const said = ended.map((it) => it.said).join('\n')
    expect(said.match(/installing dependencies/g)).toHaveLength(1)
  }, 30_000)
})

describe('build', () => {
  beforeEach(() => {
    project()
    mkdirSync(join(place, 'node_modules/leaf'), { recursive: true })
    for (const name of ['typescript', '@typescript'])
      symlinkSync(join(ROOT, 'node_modules', name), join(place, 'node_modules', name))
    const { packages } = JSON.parse(readFileSync(join(place, 'package-lock.json'), 'utf8'))
    put('node_modules/.package-lock.json', { packages })
  })

  test('[BOOT-2] builds once; an edited, added or removed source builds again', async () => {
    expect(buildNeeded(place)).toBe('dist/ is missing')
    const first = await bootstrap(true).ended
    expect(first).toMatchObject({ code: 0, said: expect.stringMatching(/built in \d+\.\d s/) })
    expect(readFileSync(join(place, 'dist/engine/src/a.js'), 'utf8')).toContain(
      'export const a = 1',
    )
    expect(buildNeeded(place)).toBeUndefined()

    utimesSync(join(place, 'engine/src/a.ts'), 1, 1)
    expect(buildNeeded(place)).toBe('the sources are newer than dist/')
    const before = sourceFingerprint(place)
    put('engine/src/b.ts', 'export const b = 2\n')
    expect(sourceFingerprint(place)).not.toBe(before)
    rmSync(join(place, 'engine/src/b.ts'))
    expect(sourceFingerprint(place)).toBe(before)
  }, 30_000)

  test('a test file is no source of dist/', () => {
    const before = sourceFingerprint(place)
    put('engine/src/a.test.ts', 'export const t = 1\n')
    expect(sourceFingerprint(place)).toBe(before)
  })

  test('sources that do not compile are told and leave no stamp', async () => {
    put('engine/src/a.ts', "export const a: number = 'x'\n")
    const { code, said } = await bootstrap(true).ended
    expect(code).toBe(1)
    expect(said).toContain('TS2322')
    expect(said).toContain('do not compile')
    expect(buildNeeded(place)).toBe('dist/ is missing')
  }, 30_000)
})

describe('bin/opportune', () => {
  beforeEach(() => {
    project()
    for (const file of ['bin', 'tools/bootstrap.mjs', 'tools/bootstrap-lock.mjs'])
      cpSync(join(ROOT, file), join(place, file), { recursive: true })
    mkdirSync(join(place, 'node_modules/leaf'), { recursive: true })
    const { packages } = JSON.parse(readFileSync(join(place, 'package-lock.json'), 'utf8'))
    put('node_modules/.package-lock.json', { packages })
    put(
      'dist/server/src/cli.js',
      `if (process.argv[2] === 'wait') {
         process.on('SIGTERM', () => { console.log('stopped'); process.exit(3) })
         setInterval(() => {}, 1000)
         console.log('up')
       } else { console.log(process.argv.slice(2).join(' ')); process.exitCode = 2 }`,
    )
    put('dist/.opportune-build', sourceFingerprint(place))
  })

  function start(...args: readonly string[]) {
    const child = spawn(join(place, 'bin', 'opportune'), args)
    let out = ''
    child.stdout.on('data', (bytes) => (out += String(bytes)))
    child.stderr.on('data', (bytes) => (out += `stderr ${String(bytes)}`))
    const ended = new Promise<{ code: number | null; out: string }>((done) =>
      child.once('close', (code) => done({ code, out })),
    )
    return { child, ended }
  }

  test('[BOOT-4] hands on arguments and exit code, and says nothing of its own when all is ready', async () => {
    expect(await start('profile', '--json').ended).toEqual({ code: 2, out: 'profile --json\n' })
  })

  test('a signal reaches the command', async () => {
    const { child, ended } = start('wait')
    await new Promise((done) => child.stdout.once('data', done))
    child.kill('SIGTERM')
    expect(await ended).toEqual({ code: 3, out: 'up\nstopped\n' })
  })
})

describe('[BOOT-3] the lock', () => {
  const lock = () => join(place, 'lock')
  const holding = (work: string) =>
    node(
      `const { withLock } = await import('${TOOL('bootstrap-lock.mjs')}')
       const { appendFileSync } = await import('node:fs')
       const sleep = (ms) => new Promise((done) => setTimeout(done, ms))
       const note = (word) => appendFileSync(${JSON.stringify(join(place, 'log'))}, word + process.pid + '\\n')
       const say = (line) => process.stderr.write(line + '\\n')
       await withLock(${JSON.stringify(lock())}, { say }, async (started) => { ${work} })`,
    )

  test('five processes work one after the other', async () => {
    const work = "note('in '); await sleep(30); note('out ')"
    const ended = await Promise.all(Array.from({ length: 5 }, () => holding(work).ended))
    expect(ended.map((it) => it.code)).toEqual([0, 0, 0, 0, 0])
    const log = readFileSync(join(place, 'log'), 'utf8').trim().split('\n')
    expect(log).toHaveLength(10)
    for (let i = 0; i < 10; i += 2) expect(log[i + 1]).toBe(log[i]?.replace('in ', 'out '))
    expect(existsSync(lock())).toBe(false)
  }, 20_000)

  test('the lock of a killed process is taken over', async () => {
    const { child, ended } = holding("note('in '); await sleep(60_000)")
    while (!existsSync(join(place, 'log'))) await new Promise((done) => setTimeout(done, 10))
    child.kill('SIGKILL')
    await ended
    expect(existsSync(lock())).toBe(true)
    expect((await holding("note('in ')").ended).code).toBe(0)
  }, 20_000)

  test('a killed owner’s child that is still at work keeps the lock', async () => {
    const npm = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 600)'])
    const dead = spawn(process.execPath, ['-e', ''])
    await new Promise((done) => dead.once('exit', done))
    writeFileSync(lock(), `${dead.pid} ${npm.pid}`)
    const begin = performance.now()
    const { code, said } = await holding("note('in ')").ended
    expect(code).toBe(0)
    expect(said).toContain('waiting for process')
    expect(performance.now() - begin).toBeGreaterThan(400)
  }, 20_000)

  test('a lock that nobody has touched for long is nobody’s, even where its pid lives', async () => {
    writeFileSync(lock(), String(process.pid))
    const past = Date.now() / 1000 - 60
    utimesSync(lock(), past, past)
    expect((await holding("note('in ')").ended).code).toBe(0)
  }, 20_000)
})
