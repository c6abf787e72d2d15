"""Sends one request and reads its whole answer, through redirects, retries, pauses and network failures.

All methods are retried, since sending again is harmless. urllib3's own retries do not cover an answer whose body
breaks off.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
from requests.exceptions import ChunkedEncodingError, ContentDecodingError, ProxyError, SSLError
from urllib3.exceptions import InvalidHeader, NewConnectionError
from urllib3.util import Retry as RetryAfter

from chalicelib.core.retries import QUOTA, RECONNECT, REQUEST, Retry
from millrace.command_error import CommandError

_MAX_REDIRECTS = 5
_MAX_ANSWER_BYTES = 64 * 1024 * 1024
_LONGEST_PAUSE_SECONDS = 60
# A stage answers within 30 seconds. Without this limit, an endless answer would never time out.
_WHOLE_SECONDS = 180
# Shorter pauses are not announced.
_SAID_SECONDS = 2
logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns of malformed answers
_BROKEN = (requests.ConnectionError, requests.Timeout, ChunkedEncodingError, ContentDecodingError)


class Answer(NamedTuple):
    """An answer. `document`: None if the body is not a JSON object. `start`: its first characters, for messages."""

    url: str
    status: int
    document: dict[str, Any] | None
    start: str
    pause_seconds: float = 0

    def __str__(self) -> str:
        code = (self.document or {}).get("code")
        return f"{self.url} answered {self.status}{f' {code}' if code else ''}"


class NoAnswer(CommandError):
    """No complete answer was received."""

    pause_seconds = 0.0


class Exchange:
    """Sends requests to one address with one key. `say`: is called with notices of pauses."""

    def __init__(
        self,
        url: str,
        key: str | None,
        say: Callable[[str], None],
        pause: Callable[[float], None],
        *,
        whole_seconds: float = _WHOLE_SECONDS,
    ) -> None:
        self.url, self._whole_seconds = url, whole_seconds
        self._auth = _Bearer(key) if key else None
        self._say, self._pause = say, pause
        self._session = requests.Session()
        # A stage on this machine is reached without a proxy, and without a password from ~/.netrc.
        self._session.trust_env = urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1")

    def ask(self, method: str, path: str, **arguments: Any) -> Answer:
        """Return the answer, with any status, after the retries for its kind. Raises CommandError."""
        attempts: Counter[Retry] = Counter()
        while True:
            try:
                follow = partial(self._follow, method, self.url + path, arguments)
                outcome: Answer | NoAnswer = _within(self._whole_seconds, self.url, follow)
                del attempts[RECONNECT]  # counts only failures in a row: an idle connection may break many times
            except NoAnswer as failure:
                outcome = failure
            retry = _retry(method, outcome)
            if retry is not None:
                attempts[retry] += 1
            if retry is None or attempts[retry] == retry.attempts:
                if isinstance(outcome, NoAnswer):
                    raise outcome
                return outcome
            self._wait(outcome, retry.pause_before(attempts[retry]))

    def _wait(self, outcome: Answer | NoAnswer, seconds: float) -> None:
        seconds = min(max(seconds, outcome.pause_seconds), _LONGEST_PAUSE_SECONDS)
        if seconds >= _SAID_SECONDS:
            self._say(f"{outcome}; trying again in {seconds:.0f} s")
        self._pause(seconds)

    def _follow(self, method: str, url: str, arguments: dict[str, Any]) -> Answer:
        """Send a request and follow redirects with the same method and body. Raises CommandError."""
        try:
            for _ in range(_MAX_REDIRECTS + 1):
                with self._request(method, url, arguments) as response:
                    target = self._session.get_redirect_target(response)
                    if target is None:
                        return _read(response)
                origin, url, arguments = url, urljoin(url, target), {**arguments, "params": None}
                if (urlsplit(origin).scheme, urlsplit(url).scheme) == ("https", "http"):
                    raise CommandError(f"{origin} redirects to {url}, which is not encrypted.")
        except SSLError as error:
            raise CommandError(f"The certificate of {self.url} is not valid for it, or not trusted: {error}") from error
        except _BROKEN as error:
            raise NoAnswer(_told(self.url, error)) from error
        except (requests.RequestException, ValueError) as error:
            raise CommandError(f"{url} cannot be reached: {error}") from error
        raise CommandError(f"{self.url} redirects in a circle. The last address is {url}.")

    def _request(self, method: str, url: str, arguments: dict[str, Any]) -> requests.Response:
        # The key is only sent to the stage for which it was given.
        auth = None if self._session.should_strip_auth(self.url, url) else self._auth  # type: ignore[no-untyped-call]
        return self._session.request(
            method, url, auth=auth, allow_redirects=False, stream=True, timeout=RECONNECT.timeouts, **arguments
        )


def _within(seconds: float, url: str, ask: Callable[[], Answer]) -> Answer:
    """Return the result of `ask`. Raises CommandError and abandons the call if it takes longer."""
    outcome: SimpleQueue[Answer | Exception] = SimpleQueue()

    def run() -> None:
        try:
            outcome.put(ask())
        except Exception as error:  # noqa: BLE001 - raised again in the calling thread
            outcome.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        found = outcome.get(timeout=seconds)
    except Empty:
        raise CommandError(f"{url} has not completed its answer within {seconds:.0f} s.") from None
    if isinstance(found, Exception):
        raise found
    return found


class _Bearer(requests.auth.AuthBase):
    """Adds the key to each request. A plain header would be replaced by an entry of .netrc."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def _retry(method: str, outcome: Answer | NoAnswer) -> Retry | None:
    """Return the retries for an outcome. None: another attempt would have the same outcome."""
    if isinstance(outcome, NoAnswer):
        return RECONNECT
    if outcome.status == 429 and method == "POST":
        return QUOTA
    return REQUEST if outcome.status in (408, 425, 429) or outcome.status >= 500 else None


def _read(response: requests.Response) -> Answer:
    body = b""
    for piece in response.iter_content(64 * 1024):
        body += piece
        if len(body) > _MAX_ANSWER_BYTES:
            raise ChunkedEncodingError("the answer does not end")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        if response.ok and body[:1] in (b"", b"{"):  # without a Content-Length, a broken body looks complete
            raise ChunkedEncodingError("the answer is incomplete") from error
        document = None
    return Answer(
        response.url.partition("?")[0],
        response.status_code,
        document if isinstance(document, dict) else None,
        " ".join(body[:200].decode(errors="replace").split()),
        _pause_seconds(response.headers.get("Retry-After")),
    )


def _pause_seconds(retry_after: str | None) -> float:
    """Return seconds from a number or a date: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after"""
    try:
        return RetryAfter().parse_retry_after(retry_after) if retry_after else 0
    except (InvalidHeader, ValueError, OverflowError):
        return 0


def _told(url: str, error: Exception) -> str:
    if isinstance(error, ProxyError):
        return f"The proxy before {url} fails. Check the variables http_proxy, https_proxy and no_proxy."
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    if isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError):
        is_here = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
        advice = "Start the local stack with `make run`." if is_here else "Check the address."
        return f"Nothing answers at {url}. {advice}"
    return f"{url} gives no complete answer ({type(reason or error).__name__})."
