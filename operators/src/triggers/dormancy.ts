/** Ninety days without activity, by default. The rule is that of `inactivity`. */
import { quietFor } from './inactivity.ts'

export const dormancy = quietFor('dormancy')
