"""The record of a message that cannot be processed: why, when, and the whole message."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from chalicelib.core import timestamps
from chalicelib.core.chunk import Chunk

#: Why a message is not done: the closed vocabulary of failure notes and of the quarantine.
REASONS = {
    "owner_unknown": "The owner of one of its events is unknown: the table refused or did not answer.",
    "archive_failed": "It is unknown whether its archive object was written.",
    "commit_failed": "Its commit did not succeed.",
    "quarantine_failed": "It is older than the maximum chunk age, and could not be put into the quarantine.",
    "out_of_time": "The batch took too long: no time was left to begin or to finish this chunk.",
    "unfinished": "The function ended before it could say why: a timeout or a crash.",
    "not_a_chunk": "It is not a chunk of this product.",
    "too_old": "It was delivered when it was older than the maximum chunk age.",
    "committed": "It has been processed meanwhile; only its message is left.",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """The failure of a chunk as the processor noted it: a code of REASONS, the time, and the number of deliveries."""

    code: str
    at: str
    deliveries: int


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An entry of the quarantine. An undecodable message has no project, and its `name` is its message id."""

    project: str | None
    name: str
    code: str
    accepted: int
    received: str
    quarantined: str


def quarantined_chunk(chunk: Chunk, code: str, now: datetime) -> Quarantined:
    return Quarantined(
        project=chunk.project,
        name=chunk.chunk_id,
        code=code,
        accepted=chunk.accepted,
        received=timestamps.sortable(chunk.sender.received),
        quarantined=timestamps.sortable(now),
    )


def object_content(
    body: str,
    *,
    code: str,
    now: datetime,
    received: datetime | None,
    first_delivered: datetime | None,
    last_delivered: datetime | None,
    receive_count: int,
) -> str:
    """Return the content of the quarantine's object: the original message body, and the history of the message."""
    return json.dumps(
        {
            "code": code,
            "reason": REASONS[code],
            "received_at": timestamps.readable_of(received),
            "first_delivered_at": timestamps.readable_of(first_delivered),
            "last_delivered_at": timestamps.readable_of(last_delivered),
            "receive_count": receive_count,
            "quarantined_at": timestamps.readable_of(now),
            "message": body,
        }
    )
