/** The engine's public names. What is not listed here is not promised. */
export { asBuffer, ByteReader, ByteWriter } from './codec/bytes.ts'
export { bytesCodec, type Codec, fieldsCodec, jsonCodec, textCodec } from './codec/codec.ts'
export {
  assert,
  type ErrorClass,
  type ErrorCode,
  ERRORS,
  findError,
  OpportuneError,
} from './errors.ts'
export {
  broadcast,
  type Broadcast,
  type Context,
  type Merge,
  type Mode,
  operator,
  type Operator,
  output,
  type Output,
  type Outputs,
  type OutputValue,
  type StateSpec,
  stateSpec,
} from './operator.ts'
export { BEGINNING, days, END, hours, type Millis, minutes, seconds } from './time.ts'
