/**
 * The ways in for events: Segment's Tracking API under the addresses of its documentation and the
 * short ones that its browser library calls (`/v1/t` and so on: the first letter of the type, `/v1/b`
 * for batches), and CloudEvents. One path for all: take, authenticate, limit, stamp, append.
 */
import { CALL_SCHEMAS } from '#operators'
import Type from 'typebox'
import { OpportuneError } from '#engine'
import { basicUser, type WriteKeys } from '../access.ts'
import { isJsonType, jsonText, unpack } from '../body.ts'
import type { HttpPorts } from '../ports.ts'
import type { RateLimiter } from '../rate-limit.ts'
import { type Answer, described, json, type RawInput, rawRoute, type Route } from '../route.ts'
import { EVENT_BYTES, takeCloudEvents } from './cloud-events.ts'
import { BATCH_BYTES, type CallType, CALL_BYTES, type Taken, takeBatch, takeCall } from './segment.ts'
