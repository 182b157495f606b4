/** The definitions every customer task works by, activated by a record in its inbox. */
import { broadcast } from '#engine'
import { type DefinitionSet, NO_DEFINITIONS } from './set.ts'

/** Puts a set in force for every record after it. It was validated before it was written. */
export interface DefinitionsActivated {
  readonly set: DefinitionSet
}

export const definitions = broadcast<DefinitionSet, DefinitionsActivated>({
  id: 'definitions',
  initial: NO_DEFINITIONS,
  fold: (_current, record) => record.set,
})
