/** What the doctor finds: one check, one line, and where something is missing, what that means. */

export interface Check {
  readonly id: string
  /** For people: what was looked at. */
  readonly title: string
  /**
   * `missing`: it is not there or cannot be used. `warning`: it works, not as well as it could.
   * `note`: nothing to do.
   */
  readonly status: 'ok' | 'note' | 'warning' | 'missing'
  /** Nothing starts, or something promised does not work, without it. */
  readonly required: boolean
  readonly found: string
  /** What it costs to leave it so. */
  readonly cost?: string
  /** Commands or steps, in order. */
  readonly fix?: readonly string[]
}

export interface Report {
  /** Nothing that is required is missing. */
  readonly ok: boolean
  readonly checks: readonly Check[]
}

export const reportOf = (checks: readonly Check[]): Report => ({
  ok: !checks.some(({ required, status }) => required && status === 'missing'),
  checks,
})
