// Make the calls with Segment's library for Node.js, or one that was made of it: PACKAGE ADDRESS KEY CALLS OPTIONS.
import { createRequire } from 'node:module'

const [folder, address, key, calls, options] = process.argv.slice(2)
const more = JSON.parse(options)
const library = createRequire(`${folder}/`)(folder)
const Analytics = library.Analytics ?? library.default ?? library
// The newer ones drop the path of `host`.
const { origin, pathname } = new URL(address)
const analytics = library.Analytics
  ? new Analytics({ writeKey: key, host: origin, path: `${pathname.replace(/\/$/, '')}/v1/batch`, ...more })
  : new Analytics(key, { host: address, flushInterval: 500, ...more })
let waiting = 0
const done = () => { waiting -= 1 }
for (const { call, event, properties, time, name, group, previous } of JSON.parse(calls)) {
  const who = properties.number ? { userId: 'ann' } : { anonymousId: 'anon' }
  const when = time ? { timestamp: new Date(time) } : {}
  waiting += 1
  if (call === 'track') analytics.track({ ...who, event, properties, ...when }, done)
  if (call === 'identify') analytics.identify({ ...who, traits: properties }, done)
  if (call === 'page') analytics.page({ ...who, category: 'docs', name, properties }, done)
  if (call === 'group') analytics.group({ ...who, groupId: group, traits: properties }, done)
  if (call === 'alias') analytics.alias({ ...who, previousId: previous }, done)
}
if (analytics.closeAndFlush) await analytics.closeAndFlush({ timeout: 300_000 })
else await analytics.flush()
while (waiting > 0 && !analytics.closeAndFlush) await new Promise((later) => setTimeout(later, 50))
process.exit(0)
