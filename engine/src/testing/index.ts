/**
 * What ships for testing topologies and operators: a harness for one operator, a driver for a whole,
 * and the deterministic simulation of several processes.
 */
export { Prng } from '../log/simulated/prng.ts'
export { type DriverOptions, type Piped, TestDriver } from './driver.ts'
export { type DriveOptions, drive, type Emitted, Harness } from './harness.ts'
export {
  isSound,
  type SimulationOptions,
  type SimulationReport,
  simulate,
} from './simulation.ts'
