/**
 * Owns every process that the benchmark starts: each in a process group of its own, so that what an
 * engine starts in turn is measured and ended with it.
 *
 * P1 After `endAll` no process of a group started here is left.
 * P2 A group is only ever ended by the number that starting it gave.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'

/** Lines of output kept, to be shown where a process fails. */
const KEPT_LINES = 40
/** Of one line. */
const KEPT_CHARACTERS = 400

export interface Running {
  readonly child: ChildProcess
  /** Also the number of its process group. */
  readonly pid: number
  /** Resolves when the leader has ended and its output is read; a signal counts as a code of 1. */
  readonly ended: Promise<number>
  /** Calls back for each line of standard output; lines that came before are given at once. */
  onLine(listener: (line: string) => void): void
  /** The last lines of standard output and error. */
  tail(): string
}

export class Processes {
  readonly #running = new Map<number, Running>()

  start(command: string, args: readonly string[], options: SpawnOptions = {}): Running {
    const child = spawn(command, args, {
      ...options,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const { pid } = child
    // A broken pipe is told by the process's end.
    child.stdin?.on('error', () => {})
    const output = collect(child)
    const ended = new Promise<number>((resolve) => {
      child.once('error', (error) => {
        output.add(error.message)
        resolve(127)
      })
      child.once('close', (code) => resolve(code ?? 1))
    })
    if (pid === undefined) return { child, pid: -1, ended, ...output }
    const running = { child, pid, ended, ...output }
    this.#running.set(pid, running)
    return running
  }

  /** Ends a group at once. */
  end(running: Running): Promise<number> {
    this.#kill(running.pid)
    return running.ended
  }

  /** Ends everything, and waits until it has. */
  async endAndWait(): Promise<void> {
    const running = [...this.#running.values()]
    this.endAll()
    await Promise.all(running.map((each) => each.ended))
  }

  /** For handlers of signals: waits for nothing. */
  endAll(): void {
    for (const pid of this.#running.keys()) this.#kill(pid)
  }

  #kill(pid: number): void {
    if (!this.#running.delete(pid)) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // The group had ended by itself.
    }
  }
}

type Output = Pick<Running, 'onLine' | 'tail'> & { add(line: string): void }

function collect(child: ChildProcess): Output {
  const listeners: ((line: string) => void)[] = []
  const early: string[] = []
  const kept: string[] = []
  const add = (line: string): void => {
    kept.push(line.slice(0, KEPT_CHARACTERS))
    if (kept.length > KEPT_LINES) kept.shift()
  }
  eachLine(child.stderr, add)
  eachLine(child.stdout, (line) => {
    add(line)
    if (listeners.length === 0 && early.length < KEPT_LINES) early.push(line)
    for (const listener of listeners) listener(line)
  })
  return {
    add,
    onLine(listener) {
      listeners.push(listener)
      for (const line of early.splice(0)) listener(line)
    },
    tail: () => kept.join('\n'),
  }
}

function eachLine(stream: NodeJS.ReadableStream | null, take: (line: string) => void): void {
  let rest = ''
  stream?.setEncoding('utf8')
  stream?.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) take(line)
  })
  stream?.on('end', () => {
    if (rest !== '') take(rest)
  })
}

/**
 * Runs a command to its end.
 *
 * @throws Error with the last of its output where it fails or takes longer
 */
export async function complete(
  processes: Processes,
  running: Running,
  what: string,
  timeoutMs: number,
): Promise<void> {
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    void processes.end(running)
  }, timeoutMs)
  const code = await running.ended
  clearTimeout(timer)
  await processes.end(running)
  if (timedOut) throw new Error(`${what} took more than ${timeoutMs / 1000} s`)
  if (code !== 0) throw new Error(`${what} failed with code ${code}:\n${running.tail()}`)
}

/** Writes, and waits where the reader is slow. */
export async function writeTo(running: Running, bytes: Buffer): Promise<void> {
  const { stdin } = running.child
  if (stdin === null || stdin.destroyed) return
  if (stdin.write(bytes)) return
  // A broken pipe is told by the process's end.
  const drained = once(stdin, 'drain').catch(() => undefined)
  await Promise.race([drained, running.ended])
}
