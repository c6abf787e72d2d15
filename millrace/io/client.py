"""HTTP to a stage: what every command that reads or sends goes through."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from chalicelib.core.retries import RECONNECT, REQUEST
from millrace.command_error import CommandError

# Sending again is harmless, whatever the method. Connections that break are told from answers.
_RETRY = Retry(
    REQUEST.attempts - 1,
    connect=RECONNECT.attempts - 1,
    read=RECONNECT.attempts - 1,
    allowed_methods=None,
    status_forcelist=(429, 503),
    raise_on_status=False,
    backoff_factor=RECONNECT.base_seconds or 0,
    retry_after_max=10,
)
logging.getLogger("urllib3").setLevel(logging.ERROR)  # it would print each of these attempts


class Client:
    def __init__(self, url: str, key: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=_RETRY))
        if key:
            self._session.auth = _Bearer(key)

    def post_events(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        """The reply to a POST; one whose events are all rejected is a reply too."""
        response = self._call("POST", "/events", json=events)
        reply: dict[str, Any] = response.json()
        if response.status_code == requests.codes.unprocessable_entity:
            return {"chunks": [], "accepted": 0, "rejected": len(events), "events": reply["events"]}
        return _checked(response, reply)

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        response = self._call("GET", path, params=_given(parameters))
        return _checked(response, response.json())

    def receipt(self, chunk_id: str) -> dict[str, Any]:
        return self.get(f"/chunks/{chunk_id}")

    def pages(self, path: str, name: str, limit: int, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Up to `limit` rows of a list that comes in pages; 0: all."""
        cursor, left = None, limit
        while True:
            reply = self.get(path, limit=min(left, 1000) if limit else 1000, cursor=cursor, **parameters)
            yield from reply[name]
            left, cursor = left - len(reply[name]), reply["next"]
            if cursor is None or (limit and left <= 0):
                return

    def _call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        try:
            return self._session.request(method, self.url + path, timeout=RECONNECT.timeouts, **arguments)
        except requests.ConnectionError as error:
            raise CommandError(f"Nothing answers at {self.url}. Start the local stack: make run") from error
        except requests.RequestException as error:
            raise CommandError(f"{self.url} did not answer: {error}") from error


class _Bearer(requests.auth.AuthBase):
    """The key of each request; as a plain header, a .netrc would take its place."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def _given(parameters: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in parameters.items() if value is not None}


def _checked(response: requests.Response, reply: dict[str, Any]) -> dict[str, Any]:
    if response.status_code != requests.codes.ok:
        raise CommandError(f"{response.status_code} {reply.get('code', '')}: {reply.get('message', response.text)}")
    return reply
