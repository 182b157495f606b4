/**
 * What keyed state costs: node --conditions=source --import tsx engine/benchmarks/state.ts [keys]
 *
 * Prints microseconds per record for a hit, per key for a miss from LMDB, per change for sealing and
 * checkpointing, the longest pause of the event loop during checkpoints, and anonymous memory with
 * all keys in state behind a cache of 50,000. Not measured: a disk slower than memory (the page cache
 * holds the file here), operators, the log. The median of five rounds where there are rounds.
 */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KeyedState, memoryBackend, StateEnvironment } from '../src/state/index.ts'

const KEYS = Number(process.argv[2] ?? 1_000_000)
const CACHE = 50_000
const EPOCH = 1_000
const NOTE = { epoch: 0, changelogOffset: 0, layout: [] }

interface Profile {
  readonly n: number
  readonly email: string
  readonly days: readonly number[]
  readonly last: { readonly name: string; readonly at: number; readonly amount: number }
  readonly note: string
}

/** About 300 bytes of JSON. */
const profile = (n: number, at: number): Profile => ({
  n,
  email: `customer-${n}@shop.example`,
  days: [n % 7, n % 11, n % 13, n % 17, n % 19, n % 23, n % 29],
  last: { name: 'Product Viewed', at, amount: (n % 9_999) / 100 },
  note: 'x'.repeat(120),
})

const SLOTS = [{ id: 'profile', state: { version: 1, initial: null } }]
const microseconds = (): number => Number(process.hrtime.bigint()) / 1_000
const rssAnonMb = (): number =>
  Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1_024
const show = (what: string, value: number, unit: string): void => {
  console.log(`${what.padEnd(52)} ${value.toFixed(2).padStart(9)} ${unit}`)
}
const median = (values: number[]): number =>
  values.sort((a, b) => a - b)[values.length >> 1] as number

/** Spreads keys without an own random generator: 7,919 is prime to any count used here. */
const spread = (n: number, count: number): number => (n * 7_919) % count

function hits(): void {
  const store = new KeyedState({ slots: SLOTS, backend: memoryBackend() })
  const names = Array.from({ length: 10_000 }, (_, n) => `customer-${n}`)
  const values = names.map((_, n) => profile(n, 0))
  const access: number[] = []
  const sealing: number[] = []
  const promoting: number[] = []
  let epoch = 0
  for (let round = 0; round < 6; round++) {
    let [accessed, sealed, promoted] = [0, 0, 0]
    for (let slice = 0; slice < 200; slice++) {
      const t0 = microseconds()
      for (let n = 0; n < EPOCH; n++) {
        const at = spread(slice * EPOCH + n, names.length)
        store.setNow(slice)
        const entry = store.entry(names[at] as string)
        store.beginRecord()
        store.get(entry, 0)
        store.set(entry, 0, values[at], slice)
        store.keepRecord()
      }
      const t1 = microseconds()
      store.sealEpoch(++epoch)
      const t2 = microseconds()
      store.promote(epoch)
      accessed += t1 - t0
      sealed += t2 - t1
      promoted += microseconds() - t2
    }
    if (round === 0) continue
    access.push(accessed / (200 * EPOCH))
    sealing.push(sealed / (200 * EPOCH))
    promoting.push(promoted / (200 * EPOCH))
  }
  show('hit: entry, begin, get, set, keep', median(access), 'us per record')
  show('seal (JSON of 300 B)', median(sealing), 'us per change')
  show('promote', median(promoting), 'us per change')
}

/** Nanoseconds that the main thread has spent on a processor. */
const mainThreadCpu = (): number =>
  Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0])

/** The longest stretch of work between two turns of the event loop, until `stop` is called. */
function watchPauses(): {
  readonly stop: () => { readonly cpuMs: number; readonly wallMs: number }
} {
  let [cpuMs, wallMs, running] = [0, 0, true]
  let before = { cpu: mainThreadCpu(), wall: microseconds() }
  const turn = (): void => {
    const now = { cpu: mainThreadCpu(), wall: microseconds() }
    cpuMs = Math.max(cpuMs, (now.cpu - before.cpu) / 1_000_000)
    wallMs = Math.max(wallMs, (now.wall - before.wall) / 1_000)
    before = now
    if (running) setImmediate(turn)
  }
  setImmediate(turn)
  return {
    stop() {
      running = false
      return { cpuMs, wallMs }
    },
  }
}

async function fill(store: KeyedState): Promise<void> {
  let epoch = 0
  let spent = 0
  const pauses = { cpuMs: 0, wallMs: 0 }
  for (let n = 0; n < KEYS; n++) {
    const key = spread(n, KEYS)
    const entry = store.entry(`customer-${key}`)
    store.beginRecord()
    store.set(entry, 0, profile(key, n), n)
    store.setTimer(entry, { slot: 0, name: 'idle', due: 1_000_000_000 + spread(n, 977) * 1_000 })
    store.keepRecord()
    if ((n + 1) % EPOCH > 0 && n + 1 < KEYS) continue
    store.sealEpoch(++epoch)
    store.promote(epoch)
    await new Promise((resolve) => setImmediate(resolve))
    if (!store.checkpointDue && n + 1 < KEYS) continue
    const start = microseconds()
    const watch = watchPauses()
    await store.checkpoint({ ...NOTE, epoch })
    const { cpuMs, wallMs } = watch.stop()
    spent += microseconds() - start
    pauses.cpuMs = Math.max(pauses.cpuMs, cpuMs)
    pauses.wallMs = Math.max(pauses.wallMs, wallMs)
  }
  show(`checkpoint of ${KEYS} keys with a timer each`, spent / KEYS, 'us per key')
  show('longest pause of the event loop in it, wall', pauses.wallMs, 'ms')
  show('the same, processor time of the main thread', pauses.cpuMs, 'ms')
}

function misses(store: KeyedState): void {
  const rounds: number[] = []
  const absent: number[] = []
  const perRound = Math.min(50_000, Math.floor(KEYS / 10))
  for (let round = 0; round < 5; round++) {
    const start = microseconds()
    for (let n = 0; n < perRound; n++)
      store.get(store.entry(`customer-${spread(round * perRound + n, KEYS)}`), 0)
    const middle = microseconds()
    for (let n = 0; n < perRound; n++) store.get(store.entry(`nobody-${round}-${n}`), 0)
    rounds.push((middle - start) / perRound)
    absent.push((microseconds() - middle) / perRound)
  }
  show('miss: entry and get of one slot from LMDB', median(rounds), 'us per key')
  show('miss: a key never seen', median(absent), 'us per key')
}

const directory = await mkdtemp(join(tmpdir(), 'opportune-bench-'))
const environment = new StateEnvironment({ directory })
const backend = environment.backend('bench')
try {
  hits()
  const before = rssAnonMb()
  const store = new KeyedState({ slots: SLOTS, backend, maxKeys: CACHE })
  await fill(store)
  misses(store)
  const { cachedKeys, cachedBytes, pendingTimers } = store.stats
  show('cached keys', cachedKeys, '')
  show('estimated bytes of them', cachedBytes / 1_048_576, 'MB')
  show('timers in memory', pendingTimers, '')
  show('RssAnon before', before, 'MB')
  show('RssAnon with all keys in state', rssAnonMb(), 'MB')
  globalThis.gc?.()
  show('RssAnon after a collection (--expose-gc)', rssAnonMb(), 'MB')
  const start = microseconds()
  const first = store.nextDue(2_000_000_000)
  show('first due timer over all keys', (microseconds() - start) / 1_000, 'ms')
  if (first === undefined) throw new Error('a timer is due')
  await store.close()
} finally {
  await environment.close()
  await rm(directory, { recursive: true })
}
