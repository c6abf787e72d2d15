"""Make the calls with Segment's Python library, or one that was made of it: ADDRESS KEY CALLS OPTIONS."""

import importlib
import json
import sys
from datetime import datetime
from typing import Any

address, key, calls = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
NAMES = ("segment", "rudderstack", "customerio", "june")
analytics: Any = None
for name in (*(f"{each}.analytics" for each in NAMES), "rudder_analytics", "analytics"):
    try:
        analytics = importlib.import_module(name)
    except ImportError:
        continue
    break
analytics.write_key = key
for name in ("host", "dataPlaneUrl", "data_plane_url"):
    setattr(analytics, name, address)
analytics.on_error = lambda error, _items: sys.stderr.write(f"{error}\n")
for call in calls:
    user, properties = "ann", call["properties"]
    if call["call"] == "track":
        time = {"timestamp": datetime.fromisoformat(call["time"])} if "time" in call else {}
        who = {"user_id": user} if properties["number"] else {"anonymous_id": "anon"}
        analytics.track(**who, event=call["event"], properties=properties, **time)
    elif call["call"] == "identify":
        analytics.identify(user, properties)
    elif call["call"] == "page":
        analytics.page(user, "docs", call["name"], properties)
    elif call["call"] == "group":
        analytics.group(user, call["group"], properties)
    else:
        analytics.alias(call["previous"], user)
analytics.flush()
(getattr(analytics, "shutdown", None) or analytics.join)()
