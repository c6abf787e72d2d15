// Make the calls with RudderStack's library for Node.js, or for service workers: PACKAGE ADDRESS KEY CALLS OPTIONS.
import { createRequire } from 'node:module'

const [folder, address, key, calls, options] = process.argv.slice(2)
const require = createRequire(`${folder}/`)
const library = require(folder)
const Analytics = library.Analytics ?? library.default ?? library
const { version } = require(`${folder}/package.json`)
const { path, ...more } = JSON.parse(options)
const analytics = path
  ? new Analytics(key, address + path, { flushInterval: 500, ...more })
  : Number.parseInt(version) < 2
    ? new Analytics(key, `${address}/v1/batch`, { flushInterval: 500, ...more })
    : new Analytics(key, { dataPlaneUrl: address, flushInterval: 500, ...more })
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
const start = Date.now()
analytics.flush(() => {})
while (waiting > 0 && Date.now() - start < 300_000) await new Promise((later) => setTimeout(later, 50))
process.exit(0)
