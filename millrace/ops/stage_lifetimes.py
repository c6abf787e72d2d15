"""Changes the lifetimes of a stage's data, and explains from when the change applies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from chalicelib.core import timestamps
from chalicelib.core.lifetimes import Lifetimes
from chalicelib.wiring import Pipeline
from millrace.command_error import CommandError


def change(pipeline: Pipeline, now: datetime, say: Callable[[str], None]) -> None:
    """Record the lifetimes that the settings ask for, if they are not in force. Safe to repeat.

    Raises CommandError for lifetimes that break a rule, and StoreFailed.
    """
    before = pipeline.lifetimes
    wanted = pipeline.settings.wanted_lifetimes(before.current)
    if wanted == before.current:
        return
    try:
        after = before.changed(wanted, now)
    except ValueError as error:
        raise CommandError(str(error)) from error
    if not pipeline.formats.replace_lifetimes(before, after):
        raise CommandError("Somebody else changes the lifetimes of this stage. Run the command again.")
    for sentence in _consequences(before.current, wanted, now):
        say(sentence)


def _consequences(before: Lifetimes, after: Lifetimes, now: datetime) -> Iterator[str]:
    if after.events != before.events:
        shorter = min(before.events, after.events).days
        yield (
            f"Data that is received from now on is kept for {after.events.days} days. Existing data expires after "
            f"{before.events.days} days; replays and renewals count on {shorter}."
        )
    if after.max_chunk_age < before.max_chunk_age:
        yield f"Chunks of more than {after.max_chunk_age.days} days are quarantined from now on."
    if after.max_chunk_age > before.max_chunk_age:
        holds = (now + Lifetimes.client_retries + Lifetimes.worker_stalls).replace(microsecond=0)
        yield (
            f"Chunks that are received after {timestamps.readable_of(holds)} are processed for "
            f"{after.max_chunk_age.days} days. Earlier chunks are quarantined after {before.max_chunk_age.days} days."
        )
