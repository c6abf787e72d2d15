"""Finds duplicates whose owner was never committed, for example because it is quarantined.

The events of these duplicates are not counted.
"""

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

# The deliveries of a message usually end within an hour. So a younger owner is expected to be committed soon, and an
# ordinary retry costs no read.
_ON_ITS_WAY = timedelta(hours=1)


def find(
    duplicates: Sequence[tuple[Chunk, Sequence[tuple[Event, str]], set[str]]],
    *,
    commits: ports.CommitLog,
    meter: ports.Meter,
    lifetimes: History,
    now: datetime,
) -> None:
    """Add to the third element of each entry the owners that are still uncommitted although they are old.

    `duplicates`: chunks, each with its events that another chunk owns and the owner's id. If the owner is a
    single-event chunk, its commit record is the item at the event's natural key.
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
    except StoreFailed as error:  # the chunks are committed without this information
        _log.warning("the owners of duplicates are unknown: %s", error)
        return
    waiting = {each for each, name in names.items() if not committed & {each, (each[0], name)}}
    for chunk, theirs, waits_for in duplicates:
        waits_for |= {owner for _, owner in theirs if (chunk.project, owner) in waiting}
        if waits_for:
            _log.warning("chunk %s has duplicates of uncommitted chunks: %s", chunk.owner, sorted(waits_for))
    meter.add("waiting_duplicates", sum(bool(waits_for) for *_, waits_for in duplicates))
