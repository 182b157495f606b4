/** What the rest of the server takes from the HTTP side. */
export { openCredentials } from './credentials.ts'
export { createHttpServer, type HttpServer } from './server.ts'
export type * from './views.ts'
