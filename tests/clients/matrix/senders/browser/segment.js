// Segment's browser library, and Customer.io's: set up as docs/clients.md says.
import { AnalyticsBrowser } from 'LIBRARY'

window.send = async (address, key, calls) => {
  const cdnURL = 'LIBRARY'.includes('customerio') ? `${address}/customerio` : address
  const analytics = window.library ??= AnalyticsBrowser.load({ cdnURL, writeKey: key })
  for (const { call, event, properties, time, name, group, previous } of calls) {
    const options = time ? { timestamp: new Date(time) } : {}
    if (call === 'track') analytics.track(event, properties, options)
    if (call === 'identify') analytics.identify('ann', properties)
    if (call === 'page') analytics.page('docs', name, properties)
    if (call === 'group') analytics.group(group, properties)
    if (call === 'alias') analytics.alias(previous, 'ann')
  }
}
