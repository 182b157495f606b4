/** What the command line sees of its process; tests pass in their own. */

export interface Terminal {
  write(text: string): void
  readonly isTTY: boolean
  /** Characters in a line. */
  readonly columns: number
}

export interface CliIo {
  readonly out: Terminal
  /** Errors and progress: never part of a result. */
  readonly err: Terminal
  readonly env: Readonly<Record<string, string | undefined>>
  /** ms since 1970. */
  readonly now: () => number
  /** ms on a clock that never goes back. */
  readonly monotonic: () => number
  /** Calls back for each request to stop (Ctrl-C, SIGTERM); returns the way out. */
  readonly onStopRequest: (listener: () => void) => () => void
}

/** Where the width is not known, as in a pipe: wide enough not to cut what a script reads. */
const PIPE_COLUMNS = 200

const terminal = (stream: NodeJS.WriteStream): Terminal => ({
  write: (text) => void stream.write(text),
  get isTTY() {
    return stream.isTTY === true
  },
  get columns() {
    return stream.columns ?? PIPE_COLUMNS
  },
})

export const processIo = (): CliIo => ({
  out: terminal(process.stdout),
  err: terminal(process.stderr),
  env: process.env,
  now: () => Date.now(),
  monotonic: () => performance.now(),
  onStopRequest(listener) {
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, listener)
    return () => {
      for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, listener)
    }
  },
})
