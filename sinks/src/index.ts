export { decisionChain, readDecision } from './audit/chain.ts'
