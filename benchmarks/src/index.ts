/** What the command line measures with. */
export { type ClickstreamEvent, clickstream, introductions } from '../pipeline/clickstream.ts'
