"""The client of a stage's API, for all commands that read or send events.

If a load balancer or another service answers instead of the stage, CommandError is raised.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from chalicelib.core import access_key, limits
from millrace.command_error import CommandError
from millrace.io.exchange import Answer, Exchange

#: The fields of each list's rows on which commands rely.
_ROWS = {
    "events": ("key", "timestamp", "event_type", "properties"),
    "counts": ("start", "event_type", "count"),
    "reports": ("project", "grain", "start", "version"),
    "rejections": ("received_at", "code", "field", "message", "event"),
}


class Refused(CommandError):
    """An answer other than success. `code`: the stage's code; empty if something else answered."""

    def __init__(self, answer: Answer) -> None:
        document = answer.document or {}
        self.status, self.code = answer.status, str(document.get("code", ""))
        if self.code:
            super().__init__(f"{self.status} {self.code}: {document.get('message', '')}")
        else:
            super().__init__(
                f"{answer}, but this is no answer of a stage. Is the address right? The answer begins: {answer.start!r}"
            )


class Client:
    """Sends requests for the project of its key. `say`: is called with notices of pauses. Raises CommandError."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        say: Callable[[str], None] = lambda _: None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = _checked(url)
        if key and access_key.id_in(key) is None:
            raise CommandError("This is not a key of Millrace: a key looks like mw_0123456789ab_… or mr_0123456789ab_…")
        self._exchange = Exchange(self.url, key, say, pause)

    def post_events(self, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Post events. Return the answer with a verdict for each event, even if all events are rejected."""
        return self.post_texts([json.dumps(event) for event in events])

    def post_texts(self, texts: Sequence[str]) -> dict[str, Any]:
        """Do the same for events as JSON texts."""
        body = f"[{','.join(texts)}]".encode()
        answer = self._exchange.ask("POST", "/events", data=body, headers={"Content-Type": "application/json"})
        reply = {"chunks": [], **(answer.document or {})}
        verdicts: Any = reply.get("events")
        if answer.status != 200 and not (answer.status == 422 and verdicts):
            raise Refused(answer)
        if not (_all(dict, verdicts) and len(verdicts) == len(texts) and _all(str, reply["chunks"])):
            raise Refused(answer)
        accepted = sum(verdict.get("status") == "accepted" for verdict in verdicts)
        return {**reply, "accepted": accepted, "rejected": len(texts) - accepted}

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        return self._get(path, lambda _: True, **parameters)

    def receipt(self, chunk_id: str) -> dict[str, Any]:
        return self._get(f"/chunks/{chunk_id}", lambda receipt: isinstance(receipt.get("status"), str))

    def rows(self, path: str, name: str, **parameters: Any) -> dict[str, Any]:
        """Return an answer with a list. `next`, if it is there, is the cursor of the next page."""
        return self._get(path, lambda answer: _holds_rows(answer, name), **parameters)

    def pages(self, path: str, name: str, limit: int, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Yield up to `limit` rows of a list that comes in pages; 0: all rows."""
        cursor, left = None, limit
        while True:
            size = min(left, limits.MAX_PAGE) if limit else limits.MAX_PAGE
            answer = self.rows(path, name, limit=size, cursor=cursor, **parameters)
            yield from answer[name]
            left, cursor = left - len(answer[name]), answer.get("next")
            if cursor is None or (limit and left <= 0):
                return

    def _get(self, path: str, is_right: Callable[[dict[str, Any]], bool], **parameters: Any) -> dict[str, Any]:
        given = {name: str(value) for name, value in parameters.items() if value is not None}
        answer = self._exchange.ask("GET", path, params=given)
        if answer.status != 200 or answer.document is None or not is_right(answer.document):
            raise Refused(answer)
        return answer.document


def _holds_rows(answer: dict[str, Any], name: str) -> bool:
    rows: Any = answer.get(name)
    return (
        _all(dict, rows)
        and all(field in row for row in rows for field in _ROWS[name])
        and isinstance(answer.get("next"), str | None)
    )


def _all(kind: type, values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)


def _checked(url: str) -> str:
    """Return the address without its last slash. Raises CommandError if it is not an address."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise CommandError(
            f"{url!r} is not the address of a stage. It must begin with https://, or locally with http://"
        )
    return url.rstrip("/")
