/** Asking an address what it is. Loads no layer: the doctor asks too, where the engine may not load. */

const PROBE_MS = 2_000

/** Whether an Opportune server answers there, asked without a token: a stranger must not get it. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health/live`, { signal: AbortSignal.timeout(PROBE_MS) })
    const health: unknown = await response.json()
    return typeof health === 'object' && health !== null && 'live' in health && 'ready' in health
  } catch {
    return false
  }
}
