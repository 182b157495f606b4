/** All checks, in the order in which they are told. */
import { type Check, type Report, reportOf } from './check.ts'
import { dataDirectoryChecks } from './data-directory.ts'
import { machineChecks } from './machine.ts'
import { packageChecks } from './packages.ts'
import { portCheck } from './port.ts'

export interface Patient {
  readonly directory: string
  readonly port: number
  readonly host: string
  readonly clickhouseUrl?: string
}

export async function examine(
  patient: Patient,
  onProgress: (done: number, total: number) => void,
): Promise<Report> {
  const groups: readonly (() => Promise<readonly Check[]> | readonly Check[])[] = [
    machineChecks,
    () => packageChecks(patient.clickhouseUrl),
    () => dataDirectoryChecks(patient.directory),
    async () => [await portCheck(patient.host, patient.port)],
  ]
  const checks: Check[] = []
  for (const [done, group] of groups.entries()) {
    onProgress(done, groups.length)
    checks.push(...(await group()))
  }
  return reportOf(checks)
}
