"""The dialects that are taken in, as data: a new one is a module that reads it and an entry here.

app.py declares a route for each of their paths. What reads a request is named as MODULE:FUNCTION of this package, and
imported when a request needs it: a cold start pays for one dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from chalicelib.core import access_key
from chalicelib.core.dialects import Incoming, RawEvent


@dataclass(frozen=True, slots=True)
class Question:
    """What a dialect's libraries ask beside sending. `answer` names the function that makes an object or a script."""

    method: str
    path: str
    about: str
    answer: str
    is_script: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """How events come in.

    `reader` names the function from an opened request to its Post; `opener`, where bodies are not just UTF-8, the one
    that makes them plain bytes; `searched`, where a key can be inside base64, the one that shows it. `fits`: whether a
    request is in this dialect, for all dialects of a path but the last. All but the first do what costs little: nobody
    has shown a key yet. `answer`: what the libraries look for beside Millrace's own verdicts; `results` names the
    function that makes more of these verdicts and the events. `libraries` are named in the docs.
    """

    name: str
    reader: str
    paths: tuple[str, ...]
    method: str = "POST"
    opener: str | None = None
    searched: str | None = None
    fits: Callable[[Incoming], bool] | None = None
    libraries: tuple[str, ...] = ()
    key_in_headers: tuple[str, ...] = (access_key.HEADER,)  # beside Authorization
    key_in_query: tuple[str, ...] = ("write_key", "writeKey", "key", "api_key")
    key_in_body: tuple[str, ...] = ()
    answer: Mapping[str, Any] = field(default_factory=dict)
    results: str | None = None
    questions: tuple[Question, ...] = ()

    @property
    def routes(self) -> list[tuple[str, str]]:
        """Method and path of each place where it is spoken."""
        return [(self.method, path) for path in self.paths]

    def opened(self, incoming: Incoming) -> Incoming:
        """The request with its plain body, of which nothing is parsed.

        Raises Problem for what anybody is told, with a key or without: a bad size, gzip or encoding.
        """
        from chalicelib.core import payload

        body = load(self.opener)(incoming) if self.opener else payload.open_text(incoming.body)
        return replace(incoming, body=body)

    def answered(self, verdicts: list[dict[str, Any]], events: Sequence[RawEvent]) -> dict[str, Any]:
        """What the libraries look for, of these verdicts on these events."""
        return {**self.answer, **(load(self.results)(verdicts, events) if self.results else {})}

    def keys_in(self, body: bytes) -> Iterator[str]:
        """The texts of an opened body that have the form of a key."""
        return access_key.found_in(load(self.searched)(body) if self.searched else body)


def media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _has_cloudevents(incoming: Incoming) -> bool:
    return media_type(incoming.headers).startswith("application/cloudevents") or "ce-specversion" in incoming.headers


CLOUDEVENTS = Dialect(
    "CloudEvents",
    ".cloudevents:read",
    ("/events",),
    opener=".cloudevents:open_body",
    fits=_has_cloudevents,
    libraries=("CloudEvents",),
)
OWN = Dialect(
    "own form",
    ".own:read",
    ("/events",),
    # navigator.sendBeacon sets no headers, so the key may be beside the event or the events.
    key_in_body=("write_key", "writeKey"),
)
PIXEL = Dialect("pixel", ".own:read_pixel", ("/pixel.gif",), method="GET")
SEGMENT = Dialect(
    "Segment",
    ".segment:read",
    # RudderStack's beacons, Jitsu in browsers and on servers, June.
    ("/v1/{call}", "/beacon/v1/{call}", "/api/s/{call}", "/api/s/s2s/{call}", "/sdk/{call}"),
    libraries=("Segment", "RudderStack", "Customer.io", "Hightouch", "Jitsu", "June"),
    key_in_body=("writeKey",),
    answer={"success": True},
    questions=(
        Question("GET", "/v1/projects/{key}/settings", "Where Segment's browser library sends to", ".segment:settings"),
        Question(
            "GET",
            "/customerio/v1/projects/{key}/settings",
            "Where Customer.io's browser library sends to",
            ".segment:settings_of_customerio",
        ),
        Question("GET", "/sourceConfig", "What RudderStack's browser library is to do", ".segment:source_config"),
    ),
)
UNSERVED = Dialect(
    "Mixpanel and OpenPanel, which are refused",
    ".unserved:refuse",
    ("/track",),
    opener=".unserved:refuse",
    fits=lambda incoming: bool(load(".unserved:is_one")(incoming)),
)
POSTHOG = Dialect(
    "PostHog",
    ".posthog:read",
    ("/batch", "/capture", "/e", "/track", "/i/v0/e", "/i/v0/ai/batch"),
    searched=".posthog:searched",
    libraries=("PostHog",),
    key_in_body=("api_key", "token"),
    answer={"status": 1},
    questions=(
        Question("POST", "/flags", "PostHog's feature flags: none", ".posthog:flags"),
        Question("POST", "/decide", "PostHog's feature flags: none", ".posthog:flags"),
        Question("GET", "/array/{key}/config", "Extras of PostHog's browser library: none", ".posthog:extras"),
        Question("GET", "/array/{key}/config.js", "The same, as a script", ".posthog:extras_script", is_script=True),
        Question("GET", "/static/{name}", "An extra: an empty script", ".posthog:no_extra", is_script=True),
        Question("GET", "/static/{version}/{name}", "An extra: an empty script", ".posthog:no_extra", is_script=True),
    ),
)
POSTHOG_V1 = replace(
    POSTHOG, name="PostHog, Capture v1", paths=("/i/v1/analytics/events",), results=".posthog:results", questions=()
)
#: Of the dialects of one path, the first that fits a request reads it.
DIALECTS = (CLOUDEVENTS, OWN, PIXEL, SEGMENT, UNSERVED, POSTHOG, POSTHOG_V1)

#: Method and path of each route, once: of those that take events in a body, and of those that answer a question.
SENDING = tuple(dict.fromkeys(route for each in DIALECTS if each is not PIXEL for route in each.routes))
ASKING = tuple((each.method, each.path) for dialect in DIALECTS for each in dialect.questions)


def dialect_of(method: str, path: str, incoming: Incoming, dialects: Iterable[Dialect] = DIALECTS) -> Dialect:
    """The dialect of a request. `path` is that of its route."""
    at_path = (each for each in dialects if method == each.method and path in each.paths)
    return next(each for each in at_path if each.fits is None or each.fits(incoming))


def load(reference: str) -> Callable[..., Any]:
    """The function that an entry names."""
    module, _, function = reference.partition(":")
    found: Callable[..., Any] = getattr(import_module(module, __package__), function)
    return found
