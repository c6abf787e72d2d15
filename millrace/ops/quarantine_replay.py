"""The quarantine as the toolbox works on it: sends quarantined chunks again under their own chunk_id."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chalicelib import ports
from chalicelib.core import chunk as chunks
from chalicelib.core import failures, timestamps
from chalicelib.core.chunk import Chunk
from chalicelib.core.event import stable_id
from chalicelib.core.failures import Quarantined
from chalicelib.core.lifetimes import History
from chalicelib.errors import Undecodable
from millrace.ops.selection import Selection

_AT_ONCE = 10


def selected(quarantine: ports.Quarantine, selection: Selection, limit: int) -> list[Quarantined]:
    """The entries of a selection, in the order of project and chunk; up to `limit`, 0: all."""
    entries = [
        entry
        for entry in quarantine.waiting()
        if selection.takes(project=entry.project, code=entry.code, name=entry.name, received=entry.received)
    ]
    return entries[: limit or None]


def to_json(entry: Quarantined) -> dict[str, Any]:
    return {
        "id": entry.name,
        "project": entry.project,
        "code": entry.code,
        "reason": failures.REASONS[entry.code],
        "events": entry.accepted if entry.project else None,
        "received_at": timestamps.readable(entry.received),
        "quarantined_at": timestamps.readable(entry.quarantined),
    }


@dataclass
class ReplayOutcome:
    """What became of the selected entries; `problems` says why some were refused."""

    sent: int = 0
    refused: int = 0
    failed: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.refused or self.failed)

    def to_json(self) -> dict[str, int]:
        return {"sent": self.sent, "refused": self.refused, "failed": self.failed}


class _Refused(Exception):
    """Sending this entry would change nothing, or count something twice."""


def replay(
    entries: Sequence[Quarantined],
    outcome: ReplayOutcome,
    *,
    queue: ports.Queue,
    quarantine: ports.Quarantine,
    now: datetime,
    lifetimes: History,
    erased: Mapping[str, datetime],
    renew: bool,
    dry_run: bool = False,
) -> Iterator[int]:
    """Send chunks again; yields how many entries were looked at. An entry stays until its chunk is
    committed, so sending again and again is safe. Raises StoreFailed.

    `erased`: when each person was erased, by the hash of project and user. What came before is not sent.
    """
    for start in range(0, len(entries), _AT_ONCE):
        batch = entries[start : start + _AT_ONCE]
        bodies = []
        for entry in batch:
            try:
                bodies.append(_body(entry, quarantine, now, lifetimes, erased, renew=renew))
                if entry.project is None and not dry_run:
                    _file_as_chunk(entry, chunks.decode(bodies[-1]), quarantine)
            except _Refused as reason:
                outcome.refused += 1
                outcome.problems.append(f"{entry.name}: {reason}")
        queued = len(bodies) if dry_run else len(queue.send(bodies))
        outcome.sent += queued
        outcome.failed += len(bodies) - queued
        yield len(batch)


def _body(
    entry: Quarantined,
    quarantine: ports.Quarantine,
    now: datetime,
    lifetimes: History,
    erased: Mapping[str, datetime],
    *,
    renew: bool,
) -> str:
    """The message to send for an entry. Raises _Refused, StoreFailed."""
    body, chunk = _kept(entry, quarantine)
    came = chunk.sender.received
    if any(erased.get(stable_id(chunk.project, each.user), came) > came for each in chunk.events):
        raise _Refused(
            "It holds events of a person who was erased after it came. `millrace quarantine show` prints it: send what "
            "is not theirs again."
        )
    if not lifetimes.is_too_old(chunk.minted, chunk.age_counts_from, now):
        return body
    if not renew:
        raise _Refused(
            "It is older than a chunk may be and would only be quarantined again. "
            "`--renew` sends it with a new age; docs/protocol/quarantine.md says when that is safe."
        )
    if lifetimes.may_expire(came, now):
        raise _Refused("It is so old that the records which would recognise its events expire. It stays here.")
    return chunks.encode(replace(chunk, renewed=now))


def _kept(entry: Quarantined, quarantine: ports.Quarantine) -> tuple[str, Chunk]:
    """The message of an entry. Raises _Refused if it is not a chunk, or its object is damaged."""
    content = quarantine.content(entry)
    if content is None:
        raise _Refused("The object that keeps it is gone: its chunk was committed meanwhile, or somebody deleted it.")
    try:
        body: str = json.loads(content)["message"]
        return body, chunks.decode(body)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _Refused("The object that keeps it is damaged.") from error
    except Undecodable as error:
        raise _Refused(f"It is undecodable ({error}). `millrace quarantine show` prints what it is.") from error


def _file_as_chunk(entry: Quarantined, chunk: Chunk, quarantine: ports.Quarantine) -> None:
    """List an entry as the chunk that it turns out to be: another version could not decode it, and this one can."""
    filed = failures.quarantined_chunk(chunk, entry.code, timestamps.parse(entry.quarantined))
    if (content := quarantine.content(entry)) is not None:
        quarantine.add(filed, content)
        quarantine.remove(entry)
