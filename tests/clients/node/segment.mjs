// Send the stream with Segment's library for Node.js.
import { Analytics } from '@segment/analytics-node'

const analytics = new Analytics({ writeKey: 'write-key', host: process.argv[2] })
analytics.identify({ userId: 'ann', traits: { email: 'ann@example.com' } })
analytics.track({ userId: 'ann', event: 'Order Completed', properties: { total: 12.5 }, timestamp: new Date('2020-01-02T03:04:05Z') })
analytics.track({ anonymousId: 'anon', event: 'Button Clicked', properties: { label: 'Zoë' }, integrations: { All: false } })
analytics.page({ userId: 'ann', category: 'docs', name: 'Home', properties: { url: '/' } })
analytics.screen({ userId: 'ann', category: 'app', name: 'Start', properties: { step: 1 } })
analytics.group({ userId: 'ann', groupId: 'acme', traits: { plan: 'big' } })
analytics.alias({ userId: 'ann', previousId: 'anon' })
await analytics.closeAndFlush()
