"""Finds duplicates whose own chunk was never committed, being quarantined or a dead letter: nobody counts the event."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from chalicelib import ports
from chalicelib.core.chunk import Chunk
from chalicelib.core.chunk_id import minted_at, single_id
from chalicelib.core.event import Event
from chalicelib.core.lifetimes import History
from chalicelib.errors import StoreFailed

_log = logging.getLogger(__name__)

# All deliveries of a message are over within an hour, unless the queue is behind: what came less long before is on its
# way, and nothing is read for the usual retry.
_ON_ITS_WAY = timedelta(hours=1)


def find(
    duplicates: Sequence[tuple[Chunk, Sequence[tuple[Event, str]], set[str]]],
    *,
    commits: ports.CommitLog,
    meter: ports.Meter,
    lifetimes: History,
    now: datetime,
) -> None:
    """Add to the set of each chunk the owners of its events that are not committed, although they came long before.

    `duplicates`: chunks with the events that others own. A single, if that is the owner, lies at the natural key.
    """
    names = {
        (chunk.project, owner): single_id(owner, event.natural)
        for chunk, theirs, _ in duplicates
        for event, owner in theirs
        if minted_at(owner) < now - _ON_ITS_WAY and not lifetimes.is_forgotten(minted_at(owner), now)
    }
    if not names:
        return
    try:
        committed = commits.committed(sorted({*names, *((project, name) for (project, _), name in names.items())}))
    except StoreFailed as error:  # nothing depends on it
        _log.warning("the owners of duplicates are unknown: %s", error)
        return
    waiting = {each for each, name in names.items() if not committed & {each, (each[0], name)}}
    for chunk, theirs, waits_for in duplicates:
        waits_for |= {owner for _, owner in theirs if (chunk.project, owner) in waiting}
        if waits_for:
            _log.warning("chunk %s has duplicates of %s, not committed", chunk.owner, sorted(waits_for))
    meter.add("waiting_duplicates", sum(bool(waits_for) for *_, waits_for in duplicates))
