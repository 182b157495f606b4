/** The machine: Node, processors, memory, limits, WebAssembly, clock, time zones. */
import { readFileSync, statSync } from 'node:fs'
import { availableParallelism, freemem, totalmem } from 'node:os'
import { packagePath } from '../package-root.ts'
import type { Check } from './check.ts'

const GIB = 2 ** 30
const LEAST_NODE = [20, 19] as const
/** Log, state, analytics' child and the server each keep files open; LMDB few, ClickHouse many. */
const LEAST_FILES = 4_096
/** The server's own bound is 1 GiB, that of embedded ClickHouse another. */
const LEAST_MEMORY = 3 * GIB

export const gib = (bytes: number): string => `${(bytes / GIB).toFixed(1)} GiB`

export const machineChecks = (): readonly Check[] => [
  nodeCheck(process.versions.node),
  processorCheck(availableParallelism()),
  memoryCheck(memoryLimit(), freemem()),
  filesCheck(openFilesLimit()),
  simdCheck(hasSimd()),
  clockCheck(Date.now(), statSync(packagePath('package.json')).mtimeMs),
  timeZoneCheck(),
]

export function nodeCheck(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const enough = major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])
  const basics = { id: 'node', title: 'Node', required: true, found: version }
  if (enough) return { ...basics, status: 'ok' }
  return {
    ...basics,
    status: 'missing',
    cost: 'Nothing runs.',
    fix: [`Install Node ${LEAST_NODE.join('.')} or later.`],
  }
}

function processorCheck(count: number): Check {
  const basics = { id: 'processors', title: 'processors', required: false, found: String(count) }
  if (count > 1) return { ...basics, status: 'ok' }
  const cost = 'The stream and ClickHouse take turns: latency rises while analytics loads.'
  return { ...basics, status: 'warning', cost }
}

/** Of the container where there is one, else of the machine. */
function memoryLimit(): number {
  const limit = process.constrainedMemory()
  return limit !== undefined && limit > 0 && limit < totalmem() ? limit : totalmem()
}

export function memoryCheck(limit: number, free: number): Check {
  const found = `${gib(limit)}, ${gib(free)} free`
  const basics = { id: 'memory', title: 'memory', required: false, found }
  if (limit >= LEAST_MEMORY) return { ...basics, status: 'ok' }
  return {
    ...basics,
    status: 'warning',
    cost: 'The server may take 1 GiB and embedded ClickHouse 1 GiB: the system may kill one of them.',
    fix: ['Give it 3 GiB, or put ClickHouse elsewhere: ./bin/opportune start --clickhouse-url URL'],
  }
}

/** The soft limit; null where the system does not tell. */
function openFilesLimit(): number | null {
  try {
    const line = /^Max open files\s+(\d+|unlimited)/m.exec(
      readFileSync('/proc/self/limits', 'utf8'),
    )
    if (line === null) return null
    return line[1] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line[1])
  } catch {
    return null
  }
}

export function filesCheck(limit: number | null): Check {
  const found = limit === null ? 'not told by this system' : String(limit)
  const basics = { id: 'open-files', title: 'open files', required: false, found }
  if (limit === null) return { ...basics, status: 'note' }
  if (limit >= LEAST_FILES) return { ...basics, status: 'ok' }
  return {
    ...basics,
    status: 'warning',
    cost: 'Many connections at once, or a large ClickHouse, run out of file descriptors.',
    fix: [`ulimit -n ${LEAST_FILES}`],
  }
}

/** A function that returns a vector of zeros: it validates only where vectors are known. */
const SIMD_MODULE = Buffer.from(
  '0061736d01000000' + '0105016000017b' + '03020100' + '0a0a010800' + '4100fd0ffd620b',
  'hex',
)

/** The types of Node name WebAssembly without its values. */
const { WebAssembly: wasm } = globalThis as unknown as {
  readonly WebAssembly?: { validate(bytes: Uint8Array): boolean }
}

export const hasSimd = (module: Uint8Array = SIMD_MODULE): boolean =>
  wasm?.validate(module) === true

export function simdCheck(has: boolean): Check {
  const basics = {
    id: 'wasm-simd',
    title: 'WebAssembly SIMD',
    required: false,
    found: has ? 'there' : 'not there',
  }
  if (has) return { ...basics, status: 'ok' }
  return {
    ...basics,
    status: 'warning',
    cost: 'Training models takes about five times as long. Decisions do not use it.',
    fix: ['Run on a processor with SSE4.1 or NEON, without --jitless.'],
  }
}

/** @param packagedAt ms: no clock that is right is before it */
export function clockCheck(now: number, packagedAt: number): Check {
  const found = Number.isFinite(now) ? new Date(now).toISOString() : 'none'
  const basics = { id: 'clock', title: 'clock', required: true, found }
  if (now >= packagedAt - 86_400_000) return { ...basics, status: 'ok' }
  return {
    ...basics,
    status: 'missing',
    cost: 'Live events would be dated before the software that reads them: quiet hours, caps and deadlines would be wrong.',
    fix: ['Set the clock, and keep it: sudo apt-get install -y chrony'],
  }
}

/** An hour in New York on the day its clocks went forward tells whether zones are known and current. */
export function timeZoneCheck(
  hourIn: (zone: string, at: Date) => string = (timeZone, at) =>
    new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', hourCycle: 'h23' }).format(at),
): Check {
  const basics = { id: 'time-zones', title: 'time zones', required: true }
  const found = `${process.versions['tz'] ?? 'version not told'}`
  try {
    const before = hourIn('America/New_York', new Date('2026-03-08T06:30:00Z'))
    const after = hourIn('America/New_York', new Date('2026-03-08T07:30:00Z'))
    if (before === '01' && after === '03') return { ...basics, status: 'ok', found }
  } catch {
    // Told below: a zone that is not known and one that is wrong are the same fault.
  }
  return {
    ...basics,
    status: 'missing',
    found: `${found}: summer time of New York is wrong or not known`,
    cost: 'Quiet hours cannot be told, so that no pushed message is sent.',
    fix: ['Use a Node with full ICU data (the official builds have it).'],
  }
}
