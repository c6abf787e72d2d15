"""Requests that were recorded from client libraries, and what is in them."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parent / "data" / "recorded-requests.json"


@dataclass(frozen=True)
class Recorded:
    """A POST of a library, whose name and version it has."""

    library: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def dialect(self) -> str:
        """Whose form it has: segment, posthog or cloudevents."""
        if self.library.startswith("cloudevents"):
            return "cloudevents"
        return "posthog" if self.library.startswith("posthog") else "segment"

    @property
    def call(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @cached_property
    def plain(self) -> bytes:
        return gzip.decompress(self.body) if self.body.startswith(b"\x1f\x8b") else self.body

    @property
    def document(self) -> Any:
        """A new copy of what the body says."""
        return json.loads(self.plain)

    def saying(self, document: Any) -> Recorded:
        """The same request with another document, which is not packed."""
        headers = {name: value for name, value in self.headers.items() if name != "content-encoding"}
        return replace(self, body=json.dumps(document).encode(), headers=headers)


def events_of(document: Any) -> list[dict[str, Any]]:
    """The events of a document, which may be changed in place."""
    if isinstance(document, list):
        return document
    return list(document["batch"]) if "batch" in document else [document]


def requests() -> list[Recorded]:
    return [Recorded(**each | {"body": base64.b64decode(each["body"])}) for each in json.loads(_FILE.read_text())]


def leaves(value: Any) -> list[str]:
    """The texts and numbers in a JSON value, as text."""
    if isinstance(value, dict | list):
        return [leaf for child in (value.values() if isinstance(value, dict) else value) for leaf in leaves(child)]
    return [str(value)] if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "" else []
