/**
 * Native packages, each loaded in a process of its own: one that does not suit this processor would
 * take the doctor with it.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { packagePath } from '../package-root.ts'
import type { Check } from './check.ts'

export type Loaded =
  | { readonly ok: true; readonly said: string }
  | { readonly ok: false; readonly why: string }

/** Runs a module's text in a fresh Node; what it prints is what it says. */
export type Probe = (code: string) => Promise<Loaded>

const PROBE_MS = 30_000

export const probe: Probe = (code) =>
  new Promise((resolve) => {
    const words = ['--input-type=module', '-e', code]
    const options = { cwd: packagePath('.'), timeout: PROBE_MS, killSignal: 'SIGKILL' as const }
    execFile(process.execPath, words, options, (error, stdout, stderr) => {
      if (error === null) resolve({ ok: true, said: stdout.trim() })
      else resolve({ ok: false, why: reasonIn(stderr) ?? error.signal ?? 'it does not load' })
    })
  })

/** The line of a stack that says what went wrong. */
function reasonIn(stderr: string): string | undefined {
  if (/Cannot find package/.test(stderr)) return 'not installed'
  return /^(?:\w*Error(?: \[\w+\])?: )(.+)$/m.exec(stderr)?.[1]?.slice(0, 200)
}

const LMDB = `
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from 'lmdb'
const directory = mkdtempSync(join(tmpdir(), 'opportune-doctor-'))
const root = open({ path: directory })
root.putSync('a', 1)
console.log(root.get('a') === 1 ? 'reads and writes' : 'does not read what it wrote')
await root.close()
rmSync(directory, { recursive: true })`

const CHDB = `
import { query } from 'chdb'
console.log('ClickHouse ' + String(query('select version()', 'TabSeparated')).trim())`

const loads = (name: string): string =>
  `await import(${JSON.stringify(name)})\nconsole.log('loads')`

/** @param clickhouseUrl where analytics is elsewhere, the embedded engine is not needed */
export async function packageChecks(
  clickhouseUrl: string | undefined,
  run: Probe = probe,
): Promise<readonly Check[]> {
  // One after the other: the libraries are large, and memory is one of the things being looked at.
  return [
    lmdbCheck(await run(LMDB)),
    chdbCheck(await run(CHDB), clickhouseUrl),
    kafkaCheck(await run(loads('@confluentinc/kafka-javascript'))),
    tfjsCheck(await run(loads('@tensorflow/tfjs-node'))),
  ]
}

const foundIn = (loaded: Loaded): string => (loaded.ok ? loaded.said : loaded.why)

function lmdbCheck(loaded: Loaded): Check {
  const basics = {
    id: 'lmdb',
    title: 'LMDB (log and state)',
    required: true,
    found: foundIn(loaded),
  }
  if (loaded.ok) return { ...basics, status: 'ok' }
  return {
    ...basics,
    status: 'missing',
    cost: 'Nothing can be stored: the product does not start.',
    fix: [
      'npm ci',
      `where there is no binary for ${platform()}: npm rebuild lmdb --build-from-source`,
    ],
  }
}

function chdbCheck(loaded: Loaded, clickhouseUrl: string | undefined): Check {
  const required = clickhouseUrl === undefined
  const basics = { id: 'chdb', title: 'ClickHouse, embedded', required, found: foundIn(loaded) }
  if (loaded.ok) return { ...basics, status: 'ok' }
  return {
    ...basics,
    status: 'missing',
    cost: 'No analytics and no `query` on this machine alone; decisions do not need it.',
    fix: [
      'npm ci --include=optional',
      `where there is no binary for ${platform()}: ./bin/opportune start --clickhouse-url http://HOST:8123`,
    ],
  }
}

function kafkaCheck(loaded: Loaded): Check {
  const basics = { id: 'kafka', title: 'Kafka client', required: false, found: foundIn(loaded) }
  if (loaded.ok) return { ...basics, status: 'ok' }
  return {
    ...basics,
    status: 'missing',
    cost: 'No event log on Kafka; the embedded log serves one machine.',
    fix: [
      'sudo apt-get install -y g++ make python3 libcurl4-openssl-dev libssl-dev libsasl2-dev zlib1g-dev libzstd-dev liblz4-dev',
      `CKJS_LINKING=dynamic npm install --no-save ${versioned('@confluentinc/kafka-javascript')}`,
    ],
  }
}

/** tfjs-node asks for 2.9.1, of which no plain library is published; 2.13.1 has what it calls. */
const WHEEL = '2.13.1'
const STAGED = 'node_modules/@tensorflow/tfjs-node/deps'

function tfjsCheck(loaded: Loaded): Check {
  const basics = { id: 'tfjs-node', title: 'tfjs, native', required: false, found: foundIn(loaded) }
  if (loaded.ok) return { ...basics, status: 'ok' }
  return {
    ...basics,
    status: 'missing',
    cost: 'Training is up to 1.3 times slower, on WebAssembly; decisions do not use it. It would take 540 MB of disk.',
    fix: [
      'sudo apt-get install -y g++ make python3 python3-pip unzip',
      `npm install --no-save --ignore-scripts ${versioned('@tensorflow/tfjs-node')}`,
      `python3 -m pip download tensorflow-cpu==${WHEEL} --no-deps --only-binary=:all: --python-version 3.10 --platform manylinux2014_x86_64 -d .cache/wheel`,
      `unzip -q .cache/wheel/tensorflow_cpu-${WHEEL}-*.whl 'tensorflow/lib*.so.2' 'tensorflow/include/tensorflow/*' -d .cache/wheel`,
      `mkdir -p ${STAGED}/lib && mv .cache/wheel/tensorflow/include ${STAGED}/include && mv .cache/wheel/tensorflow/lib*.so.2 ${STAGED}/lib/`,
      `cd ${STAGED}/lib && ln -s libtensorflow_cc.so.2 libtensorflow.so && ln -s libtensorflow_cc.so.2 libtensorflow.so.2.9.1 && ln -s libtensorflow_framework.so.2 libtensorflow_framework.so; cd -`,
      'npm_config_nodedir="$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")" npm rebuild @tensorflow/tfjs-node --foreground-scripts',
    ],
  }
}

const platform = (): string => `${process.platform}-${process.arch}`

/** `name@version` as package.json has it. */
function versioned(name: string): string {
  const { optionalDependencies } = JSON.parse(
    readFileSync(packagePath('package.json'), 'utf8'),
  ) as {
    readonly optionalDependencies?: Readonly<Record<string, string>>
  }
  return `${name}@${optionalDependencies?.[name] ?? 'latest'}`
}
