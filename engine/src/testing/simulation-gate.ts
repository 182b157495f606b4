/**
 * The log as one process sees it, until that process dies.
 *
 * A process that is killed does nothing more: neither do its calls reach the log, nor does the log
 * reach its listeners, nor does anything come back to what still waits for an answer. A commit that
 * was under way may still take place; its process never learns.
 */
import { OpportuneError } from '../errors.ts'
import type { EventLog, LogMember, MemberListener } from '../log/port.ts'

export class Gate {
  readonly log: EventLog
  #open = true

  constructor(log: EventLog) {
    this.log = this.#guard(log)
  }

  get open(): boolean {
    return this.#open
  }

  /** The process is dead from now on. */
  close(): void {
    this.#open = false
  }

  /** The same object, each of whose methods asks the gate first; so do the objects that it makes. */
  #guard<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (of, name) => {
        const value: unknown = Reflect.get(of, name)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => this.#call(of, value as Method, { name, args })
      },
    })
  }

  #call(of: object, method: Method, { name, args }: Call): unknown {
    if (!this.#open) throw new OpportuneError('log_crashed', 'This process has ended.')
    const passed =
      name === 'subscribe' ? this.#ears(args as Parameters<LogMember['subscribe']>) : args
    const answer = method.apply(of, passed)
    if (!(answer instanceof Promise)) return this.#product(answer)
    return new Promise((resolve, reject) => {
      answer.then(
        (value) => this.#open && resolve(this.#product(value)),
        (error: unknown) => this.#open && reject(error),
      )
    })
  }

  /** Members, transactions, readers and appenders are guarded in turn; data is handed on as it is. */
  #product(answer: unknown): unknown {
    const acts = ACTS.some(
      (name) => typeof (answer as Record<string, unknown> | null)?.[name] === 'function',
    )
    return acts ? this.#guard(answer as object) : answer
  }

  #ears([topics, listener]: Parameters<LogMember['subscribe']>): unknown[] {
    const never = new Promise<void>(() => {})
    const guarded: MemberListener = {
      claimed: (partitions) => (this.#open ? listener.claimed(partitions) : undefined),
      revoked: (partitions) => (this.#open ? listener.revoked(partitions) : never),
      lost: (partitions) => {
        if (this.#open) listener.lost(partitions)
      },
    }
    return [topics, guarded]
  }
}

type Method = (...args: unknown[]) => unknown

interface Call {
  readonly name: string | symbol
  readonly args: unknown[]
}

/** One method of each kind of object that acts on the log. */
const ACTS = ['subscribe', 'commit', 'read', 'append']
