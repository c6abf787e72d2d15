"""The quarantine: keeps messages whole that cannot be processed, and lets go of those that were after all."""

from __future__ import annotations

from datetime import datetime

from chalicelib import ports
from chalicelib.core import failures, timestamps
from chalicelib.core.chunk import Chunk
from chalicelib.core.failures import Quarantined
from chalicelib.ports import Message


def quarantine_chunk(
    chunk: Chunk,
    message: Message,
    *,
    code: str,
    last_delivered: datetime | None,
    quarantine: ports.Quarantine,
    now: datetime,
) -> None:
    """Keep a chunk's message. Repeating it changes nothing; only after it may the message be deleted.

    Raises StoreFailed.
    """
    content = _content(message, code=code, now=now, received=chunk.sender.received, last_delivered=last_delivered)
    quarantine.add(failures.quarantined_chunk(chunk, code, now), content)


def quarantine_aged(
    chunk: Chunk, message: Message, *, commits: ports.CommitLog, quarantine: ports.Quarantine, now: datetime
) -> bool:
    """Keep a chunk that came too old, unless it is committed; returns whether it is kept. Raises StoreFailed."""
    if commits.committed([(chunk.project, chunk.chunk_id)]):
        return False
    quarantine_chunk(chunk, message, code="too_old", last_delivered=now, quarantine=quarantine, now=now)
    return True


def quarantine_undecodable(message: Message, *, quarantine: ports.Quarantine, now: datetime) -> None:
    """Keep an undecodable message, under its message id. Raises StoreFailed."""
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


def remove_resolved(quarantine: ports.Quarantine) -> int:
    """Remove the entries whose chunks were committed after all; returns how many. Raises StoreFailed."""
    resolved = list(quarantine.resolved())
    for entry in resolved:
        quarantine.remove(entry)
    return len(resolved)
