"""A small web shop that sends its events to Millrace, draws them as a chart, and raises an alarm.

It needs Python alone. docs/tutorial.md walks through it.

    python3 examples/shop/shop.py serve        # the shop, on http://127.0.0.1:8090
    python3 examples/shop/shop.py check 5      # exit status 3 if there were fewer than 5 orders in the last hour
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qs, urlencode
from urllib.request import Request, urlopen
from uuid import uuid4
from wsgiref.simple_server import make_server

STAGE = os.environ.get("MILLRACE_URL", "http://127.0.0.1:8000")
WRITE_KEY = os.environ.get("MILLRACE_WRITE_KEY", "")  # public: the page has it, too
READ_KEY = os.environ.get("MILLRACE_READ_KEY", "")  # secret: it never leaves this server
PAGE = Path(__file__).with_name("shop.html")
TEMPORARY = {408, 425, 429, 500, 502, 503, 504}
PAUSES = (0.5, 2.0, 5.0, 10.0, 20.0)  # seconds between two attempts


def ask(path: str, key: str, body: bytes | None = None) -> Any:
    """Ask the stage, or send it a body; returns the JSON of its answer."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with urlopen(Request(STAGE + path, body, headers), timeout=10) as answer:
        return json.load(answer)


def send(event: dict[str, Any]) -> dict[str, Any]:
    """Send an event until it is accepted. Its id is the same in each attempt, so it counts once."""
    body = json.dumps(event).encode()
    for pause in PAUSES:
        try:
            return dict(ask("/events", WRITE_KEY, body))
        except HTTPError as error:
            if error.code not in TEMPORARY:
                raise  # the answer says what is wrong; sending it again does not help
        except (URLError, TimeoutError):
            pass  # nobody knows whether the event arrived: that is why it has an id
        time.sleep(pause)
    return dict(ask("/events", WRITE_KEY, body))


def buy(product: str, order_id: str) -> dict[str, Any]:
    """Take an order, and send its event."""
    # A real shop saves order and event here, in one transaction of its own database, and sends from a job.
    event = {
        "event_type": "order_completed",
        "event_id": order_id,
        "user_id": "ann",
        "properties": {"product": product, "page": "/buy"},
    }
    return {"order": order_id, "accepted": send(event)["accepted"]}


def counts(since: timedelta) -> list[dict[str, Any]]:
    """How many events there were, by minute and type."""
    start = (datetime.now(UTC) - since).strftime("%Y-%m-%dT%H:%M:00Z")
    found: list[dict[str, Any]] = ask("/counts?" + urlencode({"grain": "minute", "from": start}), READ_KEY)["counts"]
    return found


def alarm(least: int) -> str:
    """Why somebody should look at the shop; empty if all is well."""
    orders = sum(row["count"] for row in counts(timedelta(hours=1)) if row["event_type"] == "order_completed")
    return f"orders in the last hour: {orders}, expected: {least} or more" if orders < least else ""


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The shop as a WSGI application."""
    route = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    if route == ("GET", "/"):
        page = PAGE.read_text().replace("STAGE_URL", STAGE).replace("WRITE_KEY", WRITE_KEY)
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [page.encode()]
    if route == ("POST", "/buy"):
        form = parse_qs(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode())
        answer: Any = buy(form["product"][0], form.get("order", [str(uuid4())])[0])
    elif route == ("GET", "/numbers"):
        answer = {"counts": counts(timedelta(minutes=30)), "alarm": alarm(least=1)}
    else:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"There is no such page.\n"]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode() + b"\n"]


def main(command: str = "serve", number: str = "") -> int:
    if command == "check":
        why = alarm(least=int(number))
        print(f"ALARM: {why}" if why else "All is well.")
        return 3 if why else 0
    with make_server("127.0.0.1", int(number or 8090), application) as server:
        print(f"The shop runs at http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
