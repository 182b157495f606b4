/** What the benchmark does at the broker, by the Java tool in `jvm/tools`, on the broker's cores. */
import { messageBlocks, PARTITIONS, type StreamSpec } from '../../src/generator/messages.ts'
import { pinned } from './pinned.ts'
import { classPath } from './places.ts'
import { complete, type Processes, type Running, writeTo } from './processes.ts'

const STEP_MS = 60_000
const LOAD_MS = 1_800_000

export interface WatchOptions {
  readonly topic: string
  /** Gets the committed rows, a line each. */
  readonly file: string
  /** How many rows there must be at least. */
  readonly rows: number
  /** How long nothing more may come after these. */
  readonly quietMs: number
  readonly timeoutMs: number
}

/** How watching ended: when the last row arrived (ms since 1970), or not in time. */
export type Watched =
  | { readonly kind: 'complete'; readonly lastRowAt: number; readonly rows: number }
  | { readonly kind: 'timeout'; readonly rows: number }

export class Toolbox {
  readonly #processes: Processes
  readonly #brokers: string
  readonly #cpus: string

  constructor(processes: Processes, brokers: string, cpus: string) {
    this.#processes = processes
    this.#brokers = brokers
    this.#cpus = cpus
  }

  async createTopic(topic: string, partitions: number): Promise<void> {
    await this.#step('create', topic, String(partitions))
  }

  /** Deletes every topic and group whose name holds `run`. */
  async clear(run: string): Promise<void> {
    await this.#step('clear', run)
  }

  /** Creates a topic and fills it with a generated stream. */
  async load(topic: string, stream: StreamSpec): Promise<void> {
    await this.createTopic(topic, PARTITIONS)
    const tool = this.#start('load', topic)
    for (const block of messageBlocks(stream)) await writeTo(tool, framed(block))
    tool.child.stdin?.end()
    await complete(this.#processes, tool, `loading ${topic}`, LOAD_MS)
  }

  /** Resolves once it is watching. */
  async watch(options: WatchOptions): Promise<{ readonly ended: Promise<Watched>; stop(): void }> {
    const { topic, file, rows, quietMs, timeoutMs } = options
    const tool = this.#start('watch', topic, file, `${rows}`, `${quietMs}`, `${timeoutMs}`)
    let watched: Watched | undefined
    await new Promise<void>((resolve, reject) => {
      tool.onLine((line) => {
        if (line === 'WATCHING') resolve()
        watched ??= readWatched(line)
      })
      void tool.ended.then(() => reject(new Error(`watching failed:\n${tool.tail()}`)))
    })
    const ended = complete(this.#processes, tool, `watching ${topic}`, timeoutMs + STEP_MS).then(
      () => {
        if (watched === undefined) throw new Error(`watching ${topic} ended without an answer`)
        return watched
      },
    )
    return { ended, stop: () => void this.#processes.end(tool) }
  }

  async #step(...args: [action: string, ...string[]]): Promise<void> {
    await complete(this.#processes, this.#start(...args), args.join(' '), STEP_MS)
  }

  #start(action: string, ...args: readonly string[]): Running {
    const java = ['-Xmx512m', '-cp', classPath('tools'), 'opportune.peers.tools.Tool']
    const [command, all] = pinned(this.#cpus, 'java', [...java, action, this.#brokers, ...args])
    return this.#processes.start(command, all)
  }
}

/** @returns undefined for other lines */
export function readWatched(line: string): Watched | undefined {
  const [word, ...numbers] = line.split(' ')
  const [first, second] = numbers.map(Number)
  if (word === 'END') return { kind: 'complete', lastRowAt: first ?? 0, rows: second ?? 0 }
  if (word === 'TIMEOUT') return { kind: 'timeout', rows: first ?? 0 }
  return undefined
}

/** A block as the loader reads it: partition, length and bytes of each message. */
export function framed(block: {
  readonly partition: number
  readonly bytes: Buffer
  readonly ends: Uint32Array
}): Buffer {
  const out = Buffer.allocUnsafe(block.bytes.length + 8 * block.ends.length)
  let at = 0
  let from = 0
  for (const end of block.ends) {
    at = out.writeInt32BE(block.partition, at)
    at = out.writeInt32BE(end - from, at)
    at += block.bytes.copy(out, at, from, end)
    from = end
  }
  return out
}
