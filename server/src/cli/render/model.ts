/** What a training run came to: the artefact and its figures beside those of the baselines. */
import type { UpliftArtefact } from '#models'
import { number, printable, table } from '../text.ts'

export function modelText(artefact: UpliftArtefact, file: string, bytes: number): string {
  const { id, version, outcome, data, training, metrics, about } = artefact
  const head = [
    `${printable(file)}: model ${id}, version ${version.slice(0, 12)}, ${bytes} bytes`,
    `learned ${outcome} from ${data.rows} rows (sha256 ${data.sha256.slice(0, 12)}), ${training.epochs} epochs, seed ${training.seed}, ${training.backend}`,
    `it is: ${about.is}`,
    `it is not: ${about.isNot}`,
  ]
  const figures = metrics === null ? 'not evaluated\n' : figuresText(metrics)
  return `${head.join('\n')}\n\n${figures}`
}

function figuresText(metrics: NonNullable<UpliftArtefact['metrics']>): string {
  const uplift = table(
    ['arm', 'scorer', 'qini', '+-', 'model minus', '+-', 'uplift at 30 %'].map((name, i) => ({
      name,
      right: i > 1,
    })),
    metrics.uplift.map((row) => [
      row.arm,
      row.scorer,
      ...[
        row.qini_sklift,
        row.qini_sklift_se,
        row.model_minus,
        row.model_minus_se,
        row.uplift_at_30,
      ].map(number),
    ]),
  )
  const policies = table(
    ['policy', 'value (dr)', '+-', 'ips', 'snips'].map((name, i) => ({ name, right: i > 0 })),
    metrics.policies.map((row) => [
      row.policy,
      ...[row.dr, row.dr_se, row.ips, row.snips].map(number),
    ]),
  )
  return `${metrics.protocol}, ${metrics.rows} rows\n\n${uplift}\n${policies}`
}
