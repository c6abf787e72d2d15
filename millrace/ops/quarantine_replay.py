"""Replays the quarantine: sends quarantined chunks again under their own chunk_id."""

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
    """Return the selected entries in the order of project and chunk. `limit`: the most; 0: all."""
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
    """The outcome of a replay. `problems`: why entries were refused."""

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
    """The entry is not sent, since this would be useless or count events twice."""


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
    """Send chunks again. Yield how many entries were examined. Raises StoreFailed.

    An entry stays until its chunk is committed, so a repetition is safe. `erased`: when each person was erased, by the
    hash of project and user. A chunk with events of an erased person is not sent if it was received before the erasure.
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
    """Return the message to send for an entry. Raises _Refused and StoreFailed."""
    body, chunk = _kept(entry, quarantine)
    came = chunk.sender.received
    if any(erased.get(stable_id(chunk.project, each.user), came) > came for each in chunk.events):
        raise _Refused(
            "It contains events of a person who was erased after its receipt. `millrace quarantine show` prints the "
            "message. Send the other events again."
        )
    if not lifetimes.is_too_old(chunk.minted, chunk.age_counts_from, now):
        return body
    if not renew:
        raise _Refused(
            "It is older than the maximum chunk age and would only be quarantined again. "
            "`--renew` resets its age; docs/protocol/quarantine.md says when that is safe."
        )
    if lifetimes.may_expire(came, now):
        raise _Refused("It is too old: the records that recognise its events may expire. It stays in the quarantine.")
    return chunks.encode(replace(chunk, renewed=now))


def _kept(entry: Quarantined, quarantine: ports.Quarantine) -> tuple[str, Chunk]:
    """Return the message of an entry, and its chunk. Raises _Refused if it is undecodable, damaged or gone."""
    content = quarantine.content(entry)
    if content is None:
        raise _Refused("Its object is gone: its chunk was committed meanwhile, or somebody deleted the object.")
    try:
        body: str = json.loads(content)["message"]
        return body, chunks.decode(body)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _Refused("Its object in the quarantine is damaged.") from error
    except Undecodable as error:
        raise _Refused(f"It is undecodable ({error}). `millrace quarantine show` prints it.") from error


def _file_as_chunk(entry: Quarantined, chunk: Chunk, quarantine: ports.Quarantine) -> None:
    """Replace the entry of an undecodable message by the entry of its chunk, since this version can decode it."""
    filed = failures.quarantined_chunk(chunk, entry.code, timestamps.parse(entry.quarantined))
    if (content := quarantine.content(entry)) is not None:
        quarantine.add(filed, content)
        quarantine.remove(entry)
