/** The operators of this project, as its topology and files have them. */
import { RULES } from '../operators/src/triggers/triggers.ts'
import { opportune } from '../server/src/app/topology.ts'
import {
  guardrails,
  type OperatorPage,
  operatorRows,
  type PlacedOperator,
  triggerKinds,
} from './operators.ts'
import { projectRules, projectSources, projectSpecs } from './project-coverage.ts'
import { testNames } from './rules.ts'

/** Operators, and the router's branch, in the order of the stages; one that runs in two counts once. */
function placed(): readonly PlacedOperator[] {
  const decisionChain = {
    initial: () => null,
    next: (state: unknown, _value: unknown, { bytes }: { readonly bytes: Buffer }) => ({
      state,
      bytes,
    }),
  }
  const { stages } = opportune({ partitions: 1, live: false, decisionChain }).build()
  const found = new Map<string, string>()
  for (const stage of stages.toSorted((a, b) => depth(a.id) - depth(b.id)))
    for (const node of stage.nodes)
      if ((node.kind === 'process' || node.kind === 'branch') && !found.has(node.id))
        found.set(node.id, stage.id)
  return Array.from(found, ([id, stage]) => ({ id, stage }))
}

/** Sources before the customer stage, that before the shop's. */
const depth = (stage: string): number =>
  stage === 'customer-inbox' ? 1 : stage === 'shop-inbox' ? 2 : 0

export function projectOperators(): OperatorPage {
  const sources = projectSources()
  const declared = projectRules(sources)
  const names = sources.flatMap(testNames)
  return {
    rows: operatorRows(placed(), sources, { declared, names }),
    triggers: triggerKinds(Object.keys(RULES), sources),
    guardrails: guardrails(sources),
    specs: projectSpecs(),
    declared,
    names,
  }
}
