/** The Yahoo Streaming Benchmark as a topology. */
import {
  jsonProjection,
  seconds,
  type Topology,
  textCodec,
  topology,
  tumbling,
  windowOperator,
} from '#engine'
import { PARTITIONS } from '../generator/messages.ts'
import { type AdEvent, campaignsByAd } from '../generator/ysb.ts'
import { nothing, wholeNumber } from './codecs.ts'

export function ysb(): Topology {
  const campaigns = campaignsByAd()
  const t = topology('ysb')
  const views = t
    .source('events', {
      topic: 'events',
      partitions: PARTITIONS,
      codec: jsonProjection<AdEvent>()({ ad_id: true, event_type: true, event_time: true }),
      clock: { kind: 'event', disorder: seconds(4), idle: 'hold' },
      time: (event) => Number(event.event_time),
    })
    .filter((event) => event.event_type === 'view')
    .map((event) => campaigns.get(event.ad_id) ?? '')
    .filter((campaign) => campaign !== '')
    .keyBy('by-campaign', (campaign) => campaign, { codec: nothing })
    .process(
      windowOperator(
        'views',
        tumbling({ size: seconds(10) }),
        { initial: 0, add: (n) => n + 1 },
        { codec: wholeNumber },
      ),
    )
  views.late.ignore()
  views.meta.ignore()
  views.out
    .map(({ key, start, value }) => `${key},${start},${value}`)
    .sink('results', { topic: 'results', codec: textCodec, partitions: 1 })
  return t
}
