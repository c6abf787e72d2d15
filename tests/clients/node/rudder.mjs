// Send the stream with RudderStack's library for Node.js.
import RudderAnalytics from '@rudderstack/rudder-sdk-node'

const Analytics = RudderAnalytics.default ?? RudderAnalytics
const analytics = new Analytics('write-key', { dataPlaneUrl: process.argv[2], flushAt: 100, flushInterval: 500 })
analytics.identify({ userId: 'ann', traits: { email: 'ann@example.com' } })
analytics.track({ userId: 'ann', event: 'Order Completed', properties: { total: 12.5 }, timestamp: new Date('2020-01-02T03:04:05Z') })
analytics.track({ anonymousId: 'anon', event: 'Button Clicked', properties: { label: 'Zoë' }, integrations: { All: false } })
analytics.page({ userId: 'ann', category: 'docs', name: 'Home', properties: { url: '/' } })
analytics.screen({ userId: 'ann', category: 'app', name: 'Start', properties: { step: 1 } })
analytics.group({ userId: 'ann', groupId: 'acme', traits: { plan: 'big' } })
await new Promise((done) => analytics.alias({ userId: 'ann', previousId: 'anon' }, done))
await analytics.flush()
process.exit(0)
