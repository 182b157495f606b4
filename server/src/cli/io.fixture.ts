/** A terminal that keeps what is written, and a clock that stands until it is moved. */
import type { CliIo, Terminal } from './io.ts'

export class MemoryTerminal implements Terminal {
  text = ''
  readonly isTTY: boolean
  readonly columns: number

  constructor(isTTY = false, columns = 100) {
    this.isTTY = isTTY
    this.columns = columns
  }

  write(text: string): void {
    this.text += text
  }
}

export class MemoryIo implements CliIo {
  readonly out = new MemoryTerminal()
  readonly err: MemoryTerminal
  readonly env: Readonly<Record<string, string | undefined>>
  elapsed = 0
  readonly now = (): number => Date.UTC(2026, 10, 22, 9) + this.elapsed
  readonly monotonic = (): number => this.elapsed
  readonly onStopRequest = (): (() => void) => () => {}

  constructor(options: { readonly env?: CliIo['env']; readonly tty?: boolean } = {}) {
    this.env = options.env ?? {}
    this.err = new MemoryTerminal(options.tty ?? false)
  }
}
