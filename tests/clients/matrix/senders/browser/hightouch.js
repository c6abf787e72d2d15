// Hightouch's browser library: set up as docs/clients.md says.
import { HtEventsBrowser } from 'LIBRARY'

window.send = async (address, key, calls) => {
  const [protocol, host] = address.split('://')
  const analytics = window.library ??= HtEventsBrowser.load({ writeKey: key }, { apiHost: host, protocol })
  for (const { call, event, properties, time, name, group, previous } of calls) {
    const options = time ? { timestamp: new Date(time) } : {}
    if (call === 'track') analytics.track(event, properties, options)
    if (call === 'identify') analytics.identify('ann', properties)
    if (call === 'page') analytics.page('docs', name, properties)
    if (call === 'group') analytics.group(group, properties)
    if (call === 'alias') analytics.alias(previous, 'ann')
  }
}
