// Make the calls with Jitsu's library in Node.js: PACKAGE ADDRESS KEY CALLS OPTIONS.
import { createRequire } from 'node:module'

const [folder, address, key, calls] = process.argv.slice(2)
const { jitsuAnalytics } = createRequire(`${folder}/`)(folder)
const analytics = jitsuAnalytics({ host: address, writeKey: `${key}:-`, s2s: true })
for (const { call, event, properties, time, name, group, previous } of JSON.parse(calls)) {
  if (call === 'track') await analytics.track(event, properties)
  if (call === 'identify') await analytics.identify('ann', properties)
  if (call === 'page') await analytics.page(name, properties)
  if (call === 'group') await analytics.group(group, properties)
}
await new Promise((later) => setTimeout(later, 500))
process.exit(0)
