"""Selects dead letters or quarantined messages for a command."""

from __future__ import annotations

from dataclasses import dataclass, field

import click

from chalicelib.core import timestamps
from chalicelib.core.windows import Span


@dataclass(frozen=True)
class Selection:
    """Messages that match each given value; without values, all messages. `span`: a range of receive times."""

    project: str | None = None
    code: str | None = None
    chunk: str | None = None
    span: Span = field(default_factory=Span)

    @property
    def is_everything(self) -> bool:
        return self == Selection()

    def takes(self, *, project: str | None, code: str, name: str, received: str) -> bool:
        given = ((self.project, project), (self.code, code), (self.chunk, name))
        return all(wanted in (None, value) for wanted, value in given) and self.span.holds(received)


def read_span(first: str | None, after: str | None) -> Span:
    """Return a span of times as people type them. Raises click.UsageError, as for an empty span."""
    try:
        start, end = (timestamps.parse_loosely(text) if text else None for text in (first, after))
    except ValueError as error:
        raise click.UsageError(f"A time {error}.") from error
    if start and end and start >= end:
        raise click.UsageError(f"--from {first} is not before --to {after}.")
    return Span(start, end)
