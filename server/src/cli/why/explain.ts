/**
 * A decision in sentences, from its record alone: what happened, what was weighed, who lost and why,
 * what each guardrail said and on what evidence, and the versions it rests on (AUD-1). No look at
 * today's definitions or state: the answer stays the same for as long as the record is kept.
 */
import type { Candidate, Decision, JsonObject, Verdict } from '#operators'
import { number, printable, time, value } from '../text.ts'
import { reasonWords, triggerWords } from './words.ts'

/** Lines of text; an empty line stands between sections. */
export function explainDecision(decision: Decision): readonly string[] {
  return [
    ...outcome(decision),
    ...section('What had happened', trigger(decision)),
    ...section('Candidates', candidates(decision)),
    ...section('Guardrails', guardrails(decision)),
    ...section('What was known', facts(decision.inputs)),
    ...section('Made with', versions(decision)),
  ]
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)]

function outcome(decision: Decision): string[] {
  const { decision_id, customer_id, timestamp, continues } = decision
  return [
    `Decision ${printable(decision_id)} about ${printable(customer_id)}, ${time(timestamp)}`,
    '',
    verdictOn(decision),
    ...(continues === null
      ? []
      : [`It takes up decision ${printable(continues)}, which had waited.`]),
  ]
}

function verdictOn(decision: Decision): string {
  const { action, chosen, deferred_until: until } = decision
  const why = reasonWords(decision.reason)
  const what = chosen === null ? 'a message' : proposal(chosen)
  switch (action) {
    case 'send':
      return `Sent: ${what}, because ${why}.`
    case 'defer':
      return `Put off: ${what}, because ${why}. ${until === null ? '' : `It is looked at again at ${time(until)}.`}`.trimEnd()
    case 'block':
      return `Held back: ${what}, because ${why}.`
    case 'nothing':
      return `Nothing was sent, because ${why}.`
    default:
      return `${printable(String(action))}: ${why}.`
  }
}

const proposal = (c: Candidate): string =>
  printable(`campaign ${c.campaign} by ${c.channel} (${c.intervention}, template ${c.template})`)

function trigger(decision: Decision): string[] {
  const { kind, definition, at, facts: known } = decision.trigger
  return [
    printable(`${time(at)}: ${triggerWords(kind)} (trigger ${definition}, kind ${kind})`),
    ...facts(known),
  ]
}

function candidates({ chosen, rejected, confidence_score: confidence }: Decision): string[] {
  const sure = confidence === null ? '' : `, ${percent(confidence)} sure that it helps`
  return [
    ...(chosen === null ? [] : [`won: ${proposal(chosen)}: ${worth(chosen)}${sure}`]),
    ...rejected.map(
      ({ candidate, reason }) =>
        `lost: ${proposal(candidate)}: ${worth(candidate)}; ${printable(reasonWords(reason))}`,
    ),
  ]
}

function worth({ effect, effectSd, worth: net, arm }: Candidate): string {
  const from = arm === null ? "from the channel's prior" : printable(`from the model, arm ${arm}`)
  return `expected effect ${points(effect)} +- ${points(effectSd)} points (${from}), worth ${number(net)}`
}

const points = (probability: number): string => number(Number((probability * 100).toFixed(2)))
const percent = (probability: number): string => `${Math.round(probability * 100)} %`

function guardrails({ guardrail_checks: checks, chosen }: Decision): string[] {
  if (checks.length > 0) return checks.map(verdictLine)
  return chosen === null ? ['None was asked: there was nothing to send.'] : []
}

function verdictLine(verdict: Verdict): string {
  const evidence = facts(verdict.evidence).join(', ')
  return [
    `${verdict.outcome.padEnd(5)} ${printable(verdict.guardrail)} (${printable(verdict.rule)})`,
    ...('reason' in verdict ? [printable(reasonWords(verdict.reason))] : []),
    ...('until' in verdict ? [`until ${time(verdict.until)}`] : []),
    ...(evidence === '' ? [] : [evidence]),
  ].join(': ')
}

/** Names of fields as words; what ends in `at` is an instant. */
const facts = (known: JsonObject): string[] =>
  Object.entries(known).map(([name, of]) => `${words(name)} ${fact(name, of)}`)

const words = (name: string): string => printable(name.replaceAll('_', ' '))

function fact(name: string, of: unknown): string {
  if (typeof of === 'number' && /(^|_)(at|until)$/.test(name)) return time(of)
  if (typeof of !== 'object' || of === null || Array.isArray(of)) return value(of)
  return Object.entries(of)
    .map(([inner, deeper]) => `${words(inner)} ${value(deeper)}`)
    .join(', ')
}

function versions({ versions: of, agent, propensity }: Decision): string[] {
  return [
    `definitions ${printable(of.definitions)}`,
    `model ${printable(of.model)}`,
    `cut points ${printable(of.cut_points)}`,
    `agent ${printable(agent)}, chosen with probability ${number(propensity)}`,
  ]
}
