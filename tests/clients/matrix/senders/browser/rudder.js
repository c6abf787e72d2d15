// RudderStack's browser library: set up as docs/clients.md says; its main entry would load plugins from elsewhere.
import { RudderAnalytics } from 'LIBRARY/bundled'

window.send = async (address, key, calls, options) => {
  if (!window.library) {
    window.library = new RudderAnalytics()
    window.library.load(key, address, { configUrl: address, ...options })
  }
  const analytics = window.library
  for (const { call, event, properties, time, name, group, previous } of calls) {
    const given = time ? { originalTimestamp: new Date(time).toISOString() } : {}
    if (call === 'track') analytics.track(event, properties, given)
    if (call === 'identify') analytics.identify('ann', properties)
    if (call === 'page') analytics.page('docs', name, properties)
    if (call === 'group') analytics.group(group, properties)
    if (call === 'alias') analytics.alias('ann', previous)
  }
}
