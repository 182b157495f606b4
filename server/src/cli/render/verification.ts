/** What replaying a recorded run came to. */
import type { Verification } from '../../savepoint/index.ts'
import { figuresText } from './figures.ts'

/** What the verdict rests on. */
type ReplayVerification = Omit<Verification, 'differences'>

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
