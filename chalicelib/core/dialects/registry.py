"""The table of dialects. To add a dialect, write a module that reads it and add an entry here.

app.py declares a route for each path. Functions are named as MODULE:FUNCTION of this package and imported when a
request needs them, so that a cold start pays for one dialect.
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
    """Another request of a dialect's libraries, besides sending.

    `answer`: the function that returns an object or script.
    """

    method: str
    path: str
    about: str
    answer: str
    is_script: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """One form in which events are received.

    `reader`: the function from an opened request to its Post. `opener`: the function that returns the plain body, if
    bodies are not plain UTF-8 or gzip. `searched`: the function that returns the text in which to look for a key, if
    a key may be inside base64. `fits`: returns whether a request has this dialect. The last dialect of a path needs no
    `fits`. `opener`, `searched` and `fits` must be cheap, since no key has been checked yet. Only `reader` parses.

    `answer`: the members that the libraries expect in addition to Millrace's verdicts. `results`: the function that
    makes more members from verdicts and events. `libraries`: the names for the docs.
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
        """The method and path of each of its routes."""
        return [(self.method, path) for path in self.paths]

    def opened(self, incoming: Incoming) -> Incoming:
        """Return the request with its plain body, which is not parsed.

        Raises Problem for a wrong size, gzip or encoding. These errors are shown even without a key.
        """
        from chalicelib.core import payload

        body = load(self.opener)(incoming) if self.opener else payload.open_text(incoming.body)
        return replace(incoming, body=body)

    def answered(self, verdicts: list[dict[str, Any]], events: Sequence[RawEvent]) -> dict[str, Any]:
        """Return the members of an answer that the libraries expect, for these verdicts on these events."""
        return {**self.answer, **(load(self.results)(verdicts, events) if self.results else {})}

    def keys_in(self, body: bytes) -> Iterator[str]:
        """Yield the texts of an opened body that have the form of a key."""
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
        Question("GET", "/sourceConfig", "The settings of RudderStack's browser library", ".segment:source_config"),
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
        Question(
            "GET",
            "/array/{key}/config.js",
            "Extras of PostHog's browser library, as a script: none",
            ".posthog:extras_script",
            is_script=True,
        ),
        Question("GET", "/static/{name}", "An extra: an empty script", ".posthog:no_extra", is_script=True),
        Question("GET", "/static/{version}/{name}", "An extra: an empty script", ".posthog:no_extra", is_script=True),
    ),
)
POSTHOG_V1 = replace(
    POSTHOG, name="PostHog, Capture v1", paths=("/i/v1/analytics/events",), results=".posthog:results", questions=()
)
#: All dialects. Of the dialects of one path, the first that fits a request reads it.
DIALECTS = (CLOUDEVENTS, OWN, PIXEL, SEGMENT, UNSERVED, POSTHOG, POSTHOG_V1)

#: Method and path of each route, once: routes that receive events in a body, and routes that answer questions.
SENDING = tuple(dict.fromkeys(route for each in DIALECTS if each is not PIXEL for route in each.routes))
ASKING = tuple((each.method, each.path) for dialect in DIALECTS for each in dialect.questions)


def dialect_of(method: str, path: str, incoming: Incoming, dialects: Iterable[Dialect] = DIALECTS) -> Dialect:
    """Return the dialect of a request. `path`: the path of its route."""
    at_path = (each for each in dialects if method == each.method and path in each.paths)
    return next(each for each in at_path if each.fits is None or each.fits(incoming))


def load(reference: str) -> Callable[..., Any]:
    """Return the function that an entry names."""
    module, _, function = reference.partition(":")
    found: Callable[..., Any] = getattr(import_module(module, __package__), function)
    return found
