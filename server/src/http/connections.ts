/**
 * Which connections have a request under way. Node's own closeIdleConnections() spares those that
 * never carried one, and browsers and SDKs open such in advance: closing would wait for them.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export class Connections {
  /** Requests under way by connection. */
  readonly #busy = new Map<Socket, number>()

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => {
      this.#busy.set(socket, 0)
      socket.once('close', () => this.#busy.delete(socket))
    })
    server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      this.#add(socket, 1)
      response.once('close', () => this.#add(socket, -1))
    })
  }

  /** Ends the connections on which nothing is under way. */
  closeIdle(): void {
    for (const [socket, requests] of this.#busy) if (requests === 0) socket.destroy()
  }

  closeAll(): void {
    for (const socket of this.#busy.keys()) socket.destroy()
  }

  #add(socket: Socket, change: number): void {
    const requests = this.#busy.get(socket)
    if (requests !== undefined) this.#busy.set(socket, requests + change)
  }
}
