/** What machines ask of a server: health, metrics, its own description. Open to whoever reaches it. */
import Type from 'typebox'
import type { HttpPorts } from './ports.ts'
import { described, json, type Route, rawRoute, text } from './route.ts'
import { Health } from './views.ts'

export interface SystemPorts extends Pick<HttpPorts, 'metrics'> {
  /** The system's health, as far as the door is concerned too. */
  health(): Health
  /** The text of the API description. */
  openapi(): string
}

export const systemRoutes = (ports: SystemPorts): readonly Route[] => [
  rawRoute(
    {
      method: 'GET',
      path: '/health/live',
      id: 'live_health',
      tag: 'system',
      summary: 'Whether the process works; 503 asks for a restart.',
      answers: {
        200: described('It works.', Health),
        503: described('It does not; the reasons say why.', Health),
      },
    },
    () => {
      const health = ports.health()
      return json(health, health.live ? 200 : 503)
    },
  ),
  rawRoute(
    {
      method: 'GET',
      path: '/health/ready',
      id: 'ready_health',
      tag: 'system',
      summary: 'Whether decisions are made from complete, current state.',
      answers: {
        200: described('They are.', Health),
        503: described('Not yet, or not any more; the reasons say why.', Health),
      },
    },
    () => {
      const health = ports.health()
      return json(health, health.live && health.ready ? 200 : 503)
    },
  ),
  rawRoute(
    {
      method: 'GET',
      path: '/metrics',
      id: 'metrics',
      tag: 'system',
      summary: 'Metrics for Prometheus.',
      answers: {
        200: {
          description: 'Text exposition format.',
          content: { 'text/plain; version=0.0.4': Type.String() },
        },
      },
    },
    async () => {
      const { contentType, text: exposition } = await ports.metrics()
      return text(exposition, contentType)
    },
  ),
  rawRoute(
    {
      method: 'GET',
      path: '/openapi.json',
      id: 'openapi',
      tag: 'system',
      summary: 'This description.',
      answers: { 200: described('OpenAPI 3.1.', Type.Record(Type.String(), Type.Unknown())) },
    },
    () => text(ports.openapi(), 'application/json; charset=utf-8'),
  ),
]
