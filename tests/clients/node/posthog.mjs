// Send the stream with PostHog's library for Node.js.
import { PostHog } from 'posthog-node'

const posthog = new PostHog('write-key', { host: process.argv[2] })
posthog.capture({ distinctId: 'ann', event: 'order completed', properties: { total: 12.5 }, timestamp: new Date('2020-01-02T03:04:05Z') })
posthog.capture({ distinctId: 'ann', event: '$pageview', properties: { $current_url: '/', label: 'Zoë' } })
posthog.capture({ distinctId: 'ann', event: '$set', properties: { $set: { plan: 'big' } } })
posthog.alias({ distinctId: 'ann', alias: 'anon' })
posthog.groupIdentify({ groupType: 'company', groupKey: 'acme', properties: { size: 3 }, distinctId: 'ann' })
await posthog.shutdown()
