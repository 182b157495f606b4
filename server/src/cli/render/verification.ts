/** What replaying a recorded run came to. */
import { figuresText } from './figures.ts'

export interface ReplayVerification {
  readonly records: number
  readonly outputs: number
  readonly equal: number
  readonly different: number
  readonly missing: number
  readonly extra: number
  readonly state_equal: boolean
  readonly build_recorded: string
  readonly build_now: string
}

export const isExact = (result: ReplayVerification): boolean =>
  result.different + result.missing + result.extra === 0 && result.state_equal

export function verificationText(result: ReplayVerification): string {
  const verdict = isExact(result)
    ? 'the replay gave the recorded bytes'
    : result.build_recorded === result.build_now
      ? 'the replay DIFFERS within one build, which is a bug'
      : 'the replay differs; it was recorded by another build'
  return `${figuresText(result)}${verdict}\n`
}
