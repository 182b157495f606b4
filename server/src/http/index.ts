/** What the rest of the server takes from the HTTP side. */
export { type Credentials, openCredentials, readCredentials } from './credentials.ts'
export type { HttpLogger, HttpOptions, Limits, Observation } from './options.ts'
export type {
  ApplyAnswer,
  Definitions,
  HttpPorts,
  OperatePorts,
  ProfileAnswer,
  ReadPorts,
} from './ports.ts'
export { createHttpServer, type HttpServer } from './server.ts'
export type * from './views.ts'
