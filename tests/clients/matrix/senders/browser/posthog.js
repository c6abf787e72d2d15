// PostHog's browser library: set up as docs/clients.md says.
import posthog from 'LIBRARY'

window.send = async (address, key, calls, options) => {
  window.library ??= posthog.init(key, { api_host: address, opt_out_useragent_filter: true, ...options })
  for (const { call, event, properties, time, group, previous } of calls) {
    const given = time ? { timestamp: new Date(time) } : {}
    if (call === 'track') posthog.capture(event, properties, given)
    if (call === 'identify') posthog.identify('ann', properties)
    if (call === 'page') posthog.capture('$pageview', properties)
    if (call === 'group') posthog.group('company', group, properties)
    if (call === 'alias') posthog.alias(previous, 'ann')
  }
}
