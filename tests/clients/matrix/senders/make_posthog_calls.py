"""Make the calls with PostHog's Python library: ADDRESS KEY CALLS OPTIONS."""

import inspect
import json
import sys
from datetime import datetime
from typing import Any

from posthog import Posthog

address, key, calls, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
posthog = Posthog(key, host=address, **options)
names_event_first = next(iter(inspect.signature(posthog.capture).parameters)) == "event"


def capture(user: str, event: str, properties: dict[str, Any], **more: Any) -> None:
    if names_event_first:
        posthog.capture(event, distinct_id=user, properties=properties, **more)
    else:
        posthog.capture(user, event, properties, **more)


for call in calls:
    properties = call["properties"]
    if call["call"] in ("track", "page"):
        time = {"timestamp": datetime.fromisoformat(call["time"])} if "time" in call else {}
        capture("ann", call.get("event", "$pageview"), properties, **time)
    elif call["call"] == "identify":
        (getattr(posthog, "identify", None) or posthog.set)(distinct_id="ann", properties=properties)
    elif call["call"] == "group":
        posthog.group_identify("company", call["group"], properties)
    else:
        posthog.alias(call["previous"], "ann")
posthog.shutdown()
