/** Milliseconds: since 1970 (UTC) for instants, plain for durations. */
export type Millis = number

export const seconds = (n: number): Millis => n * 1_000
export const minutes = (n: number): Millis => n * 60_000
export const hours = (n: number): Millis => n * 3_600_000
export const days = (n: number): Millis => n * 86_400_000

/** Before any instant: a source that has not spoken yet. */
export const BEGINNING: Millis = Number.NEGATIVE_INFINITY
/** After any instant: a source that has ended. */
export const END: Millis = Number.POSITIVE_INFINITY
