// RudderStack's older browser library: set up as docs/clients.md says.
import * as rudderanalytics from 'LIBRARY'

window.send = async (address, key, calls, options) => {
  const analytics = rudderanalytics
  if (!window.library) analytics.load(key, address, { configUrl: address, ...options })
  window.library = analytics
  for (const { call, event, properties, time, name, group, previous } of calls) {
    const given = time ? { originalTimestamp: new Date(time).toISOString() } : {}
    if (call === 'track') analytics.track(event, properties, given)
    if (call === 'identify') analytics.identify('ann', properties)
    if (call === 'page') analytics.page('docs', name, properties)
    if (call === 'group') analytics.group(group, properties)
    if (call === 'alias') analytics.alias('ann', previous)
  }
}
