/**
 * Faults as data. A plan either draws them from a seed or lists them; every fault that was injected
 * is recorded, and the record of a run is a script that repeats it.
 */
import { Prng } from './prng.ts'

/**
 * Where a fault may strike, and which.
 * `crash`: the process ends there. `revoke`, `lost`: a partition is asked for or taken. `fenced`: the
 * member's id came back elsewhere. `torn`: a part of the writes reached the log before the end and
 * was rolled back, leaving a gap in the offsets. `slow`: the disk takes long (virtual time). `aside`: so
 * it does, and the member goes on meanwhile; whatever else strikes the commit does so after that.
 */
export const FAULT_POINTS = [
  'begin:crash',
  'begin:revoke',
  'write:crash',
  'write:lost',
  'commit:slow',
  'commit:aside',
  'commit:retriable',
  'commit:abortable',
  'commit:fenced',
  'commit:lost',
  'commit:torn',
  'commit:crash-before',
  'commit:crash-after',
  'append:crash-before',
  'append:crash-after',
  'poll:crash',
  'poll:lost',
] as const

/**
 * What may happen to a request or an answer between a process and simulated brokers (`broker/`): lost, or
 * late by more than anybody waits.
 */
export const WIRE_FAULTS = ['wire:request-lost', 'wire:answer-lost', 'wire:late'] as const

export type FaultPoint = (typeof FAULT_POINTS)[number] | (typeof WIRE_FAULTS)[number]

export type FaultPlan =
  | { readonly seed: number; readonly probability: Partial<Record<FaultPoint, number>> }
  | { readonly script: readonly FaultPoint[] }
  | { readonly replay: readonly InjectedFault[] }

export interface InjectedFault {
  readonly point: FaultPoint
  /** How many times any fault point had been passed before: names the moment within a run. */
  readonly step: number
  /** A number from the same seed for what the fault needs to choose: a delay, a partition. */
  readonly draw: number
}

export class FaultInjector {
  readonly injected: InjectedFault[] = []
  readonly #plan: FaultPlan
  readonly #prng: Prng
  #step = 0

  constructor(plan: FaultPlan) {
    this.#plan = plan
    this.#prng = new Prng('seed' in plan ? plan.seed : 0)
  }

  /** Whether the fault strikes here and now; undefined where it does not. */
  at(point: FaultPoint): InjectedFault | undefined {
    const step = this.#step++
    const fault = this.#decide(point, step)
    if (fault !== undefined) this.injected.push(fault)
    return fault
  }

  #decide(point: FaultPoint, step: number): InjectedFault | undefined {
    const plan = this.#plan
    if ('replay' in plan)
      return plan.replay.find((fault) => fault.step === step && fault.point === point)
    if ('script' in plan)
      return plan.script[this.injected.length] === point
        ? { point, step, draw: this.#prng.next() }
        : undefined
    const chance = plan.probability[point] ?? 0
    return chance > 0 && this.#prng.next() < chance
      ? { point, step, draw: this.#prng.next() }
      : undefined
  }
}
