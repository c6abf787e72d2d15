"""Send the stream with PostHog's Python library."""

import sys
from datetime import UTC, datetime

from posthog import Posthog

posthog = Posthog("write-key", host=sys.argv[1], gzip=True)
posthog.capture(
    "order completed",
    distinct_id="ann",
    properties={"total": 12.5},
    timestamp=datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC),
)
posthog.capture("$pageview", distinct_id="ann", properties={"$current_url": "/", "label": "Zoë"})
posthog.capture("$set", distinct_id="ann", properties={"$set": {"plan": "big"}})
posthog.alias("ann", "anon")
posthog.group_identify("company", "acme", {"size": 3}, distinct_id="ann")
posthog.shutdown()
