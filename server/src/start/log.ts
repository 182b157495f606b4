/** Structured logs on stderr. Fields that may hold personal data are never passed, and redacted if they are. */
import { pino } from 'pino'

export const logger = pino(
  {
    level: process.env['OPPORTUNE_LOG_LEVEL'] ?? 'warn',
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: [
      'email',
      'phone',
      'ip',
      'traits',
      'properties',
      '*.email',
      '*.phone',
      '*.traits',
      '*.properties',
      'req.headers.authorization',
    ],
  },
  pino.destination(2),
)
