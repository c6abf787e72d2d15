"""The quarantine: stores whole messages that cannot be processed, and removes those that were committed after all."""

from __future__ import annotations

import logging
from datetime import datetime

from chalicelib import ports
from chalicelib.core import failures, timestamps
from chalicelib.core.chunk import Chunk
from chalicelib.core.failures import Quarantined
from chalicelib.errors import BROKEN_CONTENT, StoreFailed
from chalicelib.ports import Message

#: Entries that a run of the aggregator examines. In a quarantine of 100,000, each is examined every five hours.
SETTLE_AT_ONCE = 2_000

_log = logging.getLogger(__name__)


def quarantine_chunk(
    chunk: Chunk,
    message: Message,
    *,
    code: str,
    last_delivered: datetime | None,
    quarantine: ports.Quarantine,
    now: datetime,
) -> None:
    """Put a chunk's message into the quarantine. A repeated call changes nothing. Raises StoreFailed.

    Delete the message from the queue only after this call.
    """
    content = _content(message, code=code, now=now, received=chunk.sender.received, last_delivered=last_delivered)
    quarantine.add(failures.quarantined_chunk(chunk, code, now), content)


def quarantine_aged(
    chunk: Chunk, message: Message, *, commits: ports.CommitLog, quarantine: ports.Quarantine, now: datetime
) -> bool:
    """Quarantine a chunk that is too old, unless it is committed. Return whether it was added. Raises StoreFailed."""
    if commits.committed([(chunk.project, chunk.chunk_id)]):
        return False
    quarantine_chunk(chunk, message, code="too_old", last_delivered=now, quarantine=quarantine, now=now)
    return True


def quarantine_undecodable(message: Message, *, quarantine: ports.Quarantine, now: datetime) -> None:
    """Quarantine an undecodable message under its message id. Raises StoreFailed."""
    sent = message.sent or now
    content = _content(message, code="not_a_chunk", now=now, received=sent, last_delivered=None)
    entry = Quarantined(
        project=None,
        name=message.message_id,
        code="not_a_chunk",
        accepted=0,
        received=timestamps.sortable(sent),
        quarantined=timestamps.sortable(now),
    )
    quarantine.add(entry, content)


def _content(message: Message, *, code: str, now: datetime, received: datetime, last_delivered: datetime | None) -> str:
    return failures.object_content(
        message.body,
        code=code,
        now=now,
        received=received,
        first_delivered=message.first_delivered,
        last_delivered=last_delivered,
        receive_count=message.receive_count,
    )


def settle(quarantine: ports.Quarantine, *, at_most: int = SETTLE_AT_ONCE) -> int:
    """Remove entries whose chunks have been committed meanwhile. Return their number.

    Each call examines the next `at_most` entries after the entries of the last call. A later call repeats a failed
    removal.
    """
    removed = 0
    try:
        for entry in quarantine.look_for_committed(at_most):
            quarantine.remove(entry)
            removed += 1
    except (StoreFailed, *BROKEN_CONTENT) as error:
        _log.warning("settled entries stay in the quarantine for now: %s", error)
    return removed
