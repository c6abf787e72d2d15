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
    archive: ports.Archive,
    commits: ports.CommitLog,
    now: datetime,
) -> None:
    """Keep a chunk's message. Repeating it changes nothing; only after it may the message be deleted.

    The object first: a record without its object would promise what is not there. Raises StoreFailed.
    """
    content = _content(message, code=code, now=now, received=chunk.sender.received, last_delivered=last_delivered)
    name = archive.write_quarantined(chunk.chunk_id, content)
    commits.quarantine(failures.quarantined_chunk(chunk, code, now, name))


def quarantine_undecodable(
    message: Message, *, archive: ports.Archive, commits: ports.CommitLog, now: datetime
) -> None:
    """Keep a message that is no chunk, under its message id. Raises StoreFailed."""
    sent = message.sent or now
    content = _content(message, code="not_a_chunk", now=now, received=sent, last_delivered=None)
    name = archive.write_quarantined(f"undecodable/{message.message_id}", content)
    commits.quarantine(
        Quarantined(
            project=None,
            name=message.message_id,
            code="not_a_chunk",
            accepted=0,
            received=timestamps.sortable(sent),
            quarantined=timestamps.sortable(now),
            object_name=name,
        )
    )


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


def remove_resolved(*, archive: ports.Archive, commits: ports.CommitLog) -> list[Quarantined]:
    """Remove the entries whose chunks were committed after all, and answer them. Raises StoreFailed.

    The object first: as long as the record is there, the next run finds what a crash has left.
    """
    resolved = list(commits.resolved())
    for entry in resolved:
        archive.delete_quarantined(entry.object_name)
        commits.remove_quarantined(entry)
    return resolved
