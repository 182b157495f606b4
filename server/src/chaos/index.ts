/** Chaos: the whole path, disturbed on purpose, must come to what it comes to undisturbed. */
export { chaosEmbedded } from './embedded.ts'
export { chaosKafka } from './kafka/chaos.ts'
export { noKafkaHere } from './kafka/cluster.ts'
export { chaosSimulated } from './simulated.ts'
