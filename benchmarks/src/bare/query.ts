/**
 * What the bare loop and its queries agree on.
 *
 * A query keeps its state in plain Maps and is told of every event in arrival order and of every
 * advance of the watermark. It puts out a window's rows when the watermark closes the window and
 * drops what arrives for a closed window, as an engine has to; a query that updates rows puts out
 * every update. Nothing is durable: a crash loses everything, which is what makes it a baseline.
 */
import type { NexmarkMessage } from '../generator/nexmark.ts'
import type { AdEvent } from '../generator/ysb.ts'

/** Takes one output row, without a newline. */
export type Emit = (line: string) => void

export interface BareQuery<Message> {
  onMessage(message: Message): void
  /** @param watermark ms since 1970; no earlier event is expected any more */
  onWatermark(watermark: number): void
}

export type NexmarkQuery = BareQuery<NexmarkMessage>
export type YsbQuery = BareQuery<AdEvent>
