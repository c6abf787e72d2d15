"""Send the stream with RudderStack's Python library."""

import sys
from datetime import UTC, datetime

from rudderstack import analytics

analytics.dataPlaneUrl, analytics.write_key, analytics.gzip = sys.argv[1], "write-key", True

analytics.identify("ann", {"email": "ann@example.com"})
analytics.track("ann", "Order Completed", {"total": 12.5}, timestamp=datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC))
analytics.track(anonymous_id="anon", event="Button Clicked", properties={"label": "Zoë"}, integrations={"All": False})
analytics.page("ann", "docs", "Home", {"url": "/"})
analytics.screen("ann", "app", "Start", {"step": 1})
analytics.group("ann", "acme", {"plan": "big"})
analytics.alias("anon", "ann")
analytics.shutdown()
