/** What ships for testing topologies and operators: a harness for one operator, a driver for a whole. */
export { type DriverOptions, type Piped, TestDriver } from './driver.ts'
export { type DriveOptions, drive, type Emitted, Harness } from './harness.ts'
