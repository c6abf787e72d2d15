// Make the calls with PostHog's library for Node.js: PACKAGE ADDRESS KEY CALLS OPTIONS.
import { createRequire } from 'node:module'

const [folder, address, key, calls, options] = process.argv.slice(2)
const { PostHog } = createRequire(`${folder}/`)(folder)
const posthog = new PostHog(key, { host: address, ...JSON.parse(options) })
for (const { call, event, properties, time, group, previous } of JSON.parse(calls)) {
  const when = time ? { timestamp: new Date(time) } : {}
  if (call === 'track') posthog.capture({ distinctId: 'ann', event, properties, ...when })
  if (call === 'page') posthog.capture({ distinctId: 'ann', event: '$pageview', properties })
  if (call === 'identify') posthog.identify({ distinctId: 'ann', properties })
  if (call === 'group') posthog.groupIdentify({ groupType: 'company', groupKey: group, properties })
  if (call === 'alias') posthog.alias({ distinctId: 'ann', alias: previous })
}
await (posthog.shutdownAsync ?? posthog.shutdown).call(posthog, 300_000)
process.exit(0)
