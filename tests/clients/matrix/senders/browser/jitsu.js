// Jitsu's browser library: set up as docs/clients.md says.
import { jitsuAnalytics } from 'LIBRARY'

window.send = async (address, key, calls) => {
  const analytics = window.library ??= jitsuAnalytics({ host: address, writeKey: `${key}:-` })
  for (const { call, event, properties, name, group } of calls) {
    if (call === 'track') await analytics.track(event, properties)
    if (call === 'identify') await analytics.identify('ann', properties)
    if (call === 'page') await analytics.page(name, properties)
    if (call === 'group') await analytics.group(group, properties)
  }
}
