"""Ingestion: validates the events of a POST, cuts them into chunks, queues them, and answers for each event."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib import ports
from chalicelib.core import chunk, limits, timestamps
from chalicelib.core.chunk import Sender
from chalicelib.core.chunk_id import chunk_hash, mint_chunk_id, sum_of
from chalicelib.core.dialects import RawEvent
from chalicelib.core.event import Event, EventRef, Rejected, event_key
from chalicelib.core.metrics import QUEUED_CHUNKS
from chalicelib.core.project import Project
from chalicelib.core.schema import Shared, check_kept, read_event
from chalicelib.core.windows import HOUR
from chalicelib.errors import Problem
from chalicelib.flows.quota import Quota
from chalicelib.flows.rejections import Rejections

_RETRY_AFTER_SECONDS = 5
# A verdict takes at most about 11 KB (longest ids, widest characters, a warning), so this many always fit an answer.
_SURELY_ANSWERED = 500


@dataclass
class _Sorted:
    """The events of one POST after validation: verdicts in input order, and each identity once."""

    verdicts: list[dict[str, Any]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    repeats: Counter[str] = field(default_factory=Counter)  # further events with the same identity, by hour
    rejected: int = 0
    to_keep: list[tuple[Any, dict[str, Any]]] = field(default_factory=list)  # raw events with their problem
    steps: list[int] = field(default_factory=lambda: [limits.CHECK_STEPS])  # the steps left for schema checks
    users: set[str] = field(default_factory=set)  # the ids of people, before they are hashed


def ingest(
    raw_events: Sequence[RawEvent],
    *,
    sender: Sender,
    queue: ports.Queue,
    meter: ports.Meter,
    project: Project | None = None,
    quota: Quota | None = None,
    rejections: Rejections | None = None,
    idempotency_key: str | None = None,
    randomness: Callable[[int], bytes] = os.urandom,
) -> dict[str, Any]:
    """Queue the valid events of a POST. Return a verdict for every event, in input order.

    Raises Problem if all events are rejected, or if any chunk may not have been queued.
    """
    project = project or Project(sender.project)
    if quota:
        quota.check(project, len(raw_events), sender.received)
    shared = Shared.of(sender.shared)
    if shared.size * len(raw_events) > limits.MAX_INFLATED_BYTES:
        raise Problem(
            "body_too_large",
            "With the shared fields added to each event, the events are too large. Send fewer events at once.",
        )
    post = _sort(raw_events, sender, project, shared=shared, idempotency_key=idempotency_key, randomness=randomness)
    packed = _pack(post, sender, project, randomness)
    if quota:
        quota.admit(project, len(raw_events), [each.hour for each, _ in packed], sender.received)
    _measure_rejected(post.verdicts, sender.received, meter)
    if raw_events and post.rejected == len(raw_events):
        if rejections:
            rejections.keep(project, post.to_keep, sender.received)
        raise Problem("all_rejected", events=post.verdicts)
    if len(raw_events) > _SURELY_ANSWERED and limits.answer_bytes(post.verdicts) > limits.MAX_ANSWER_BYTES:
        raise Problem(
            "answer_too_large",
            "The ids of the events are so long that the answer would be too large. Send fewer events at once.",
        )
    chunks = [each for each, _ in packed]
    queued = queue.send([body for _, body in packed])
    chunk_ids = [chunks[position].chunk_id for position in queued]
    hour = HOUR.name_of(timestamps.sortable(sender.received))
    meter.add("chunks", len(queued), at=sender.received)
    meter.add("chunk_hashes", sum_of(map(chunk_hash, chunk_ids)), at=sender.received)
    meter.add_chunks(QUEUED_CHUNKS, [(hour, chunk_id) for chunk_id in chunk_ids])
    meter.add("accepted", sum(chunks[position].accepted for position in queued), at=sender.received)
    if len(queued) < len(chunks):
        raise Problem(
            "queue_unavailable",
            "Not every event could be queued. Send the same again.",
            retry_after=_RETRY_AFTER_SECONDS,
        )
    if rejections:
        rejections.keep(project, post.to_keep, sender.received)
    return {
        "chunks": [each.chunk_id for each in chunks],
        "accepted": len(raw_events) - post.rejected,
        "rejected": post.rejected,
        "events": post.verdicts,
    }


def _sort(
    raw_events: Sequence[RawEvent],
    sender: Sender,
    project: Project,
    *,
    shared: Shared,
    idempotency_key: str | None,
    randomness: Callable[[int], bytes],
) -> _Sorted:
    """Validate the events of a POST. Return their verdicts, and the valid events without repeated identities."""
    post, contents, identities = _Sorted(), Counter[str](), dict[EventRef, Event]()
    random_ids, content_secret = _random_ids(randomness, len(raw_events)), project.content_secret
    for index, raw in enumerate(raw_events):
        max_bytes = project.max_bytes(raw.max_bytes)
        try:
            if raw.rejected:
                raise raw.rejected
            event = read_event(
                raw.fields,
                sent=raw.sent,
                counts_from_receipt=raw.counts_from_receipt,
                user_may_change=raw.user_may_change,
                sole_id=project.identify_by == "id",
                tolerates_time=raw.tolerates_time,
                received=sender.received,
                idempotency_key=idempotency_key,
                content=raw.content,
                seen=contents,
                random_id=random_ids[index],
                content_secret=content_secret,
                shared=shared,
                max_bytes=max_bytes,
            )
            _check_floor(event, project)
            warning = _check_schema(event, project, post.steps)
            kept = _hide(event, project, max_bytes)
        except Rejected as reason:
            post.rejected += 1
            post.verdicts.append(_rejected(index, reason))
            post.to_keep.append((raw.fields, post.verdicts[-1]))
            continue
        if project.is_private:
            post.users.update(user for user in (event.user_id, event.anonymous_id) if user)
        names = kept.names
        if names.isdisjoint(identities):
            post.events.append(kept)
            identities.update(dict.fromkeys(names, kept))
        else:
            first = next(identities[name] for name in names if name in identities)
            post.repeats[HOUR.name_of(first.time)] += 1
        key = event_key(kept.natural)
        verdict = {"index": index, "status": "accepted", "event_id": kept.event_id, "key": key}
        post.verdicts.append(verdict | {"identified_by": kept.identified_by})
        if warning:
            post.verdicts[-1]["warning"] = _reason(warning)
            post.to_keep.append((raw.fields, {"index": index, "status": "accepted", **_reason(warning)}))
    return post


def _random_ids(randomness: Callable[[int], bytes], number: int) -> list[str]:
    digits = randomness(16 * number).hex()
    return [digits[start : start + 32] for start in range(0, 32 * number, 32)]


def _pack(
    post: _Sorted, sender: Sender, project: Project, randomness: Callable[[int], bytes]
) -> list[tuple[chunk.Chunk, str]]:
    """Cut the valid events into chunks, each with its message. Raises Problem if they are too large to queue."""
    # If all events are rejected, the answer gives these rejections. It does not complain about the shared fields.
    if not post.events:
        return []
    sender = project.hide_sender(sender, post.users)
    if project.is_private and Shared.of(sender.shared).size > limits.MAX_EVENT_BYTES:
        raise Problem(
            "body_too_large",
            "The project's privacy settings replace values of the shared fields, which then become too large. "
            "Send fewer shared fields.",
        )
    packed = chunk.pack(
        post.events,
        sender=sender,
        repeats=post.repeats,
        mint=lambda minute: mint_chunk_id(sender.received, minute, randomness(10)),
    )
    if sum(len(body) for _, body in packed) > limits.MAX_QUEUED_BYTES:
        raise Problem("body_too_large", "The events are too large for the queue. Send fewer events at once.")
    return packed


def _measure_rejected(verdicts: list[dict[str, Any]], received: datetime, meter: ports.Meter) -> None:
    codes = Counter(verdict["code"] for verdict in verdicts if verdict["status"] == "rejected")
    if codes:
        meter.add("rejected", codes.total(), at=received)
    for code, count in codes.items():
        meter.add(f"rejected_{code}", count, at=received)
    warned = sum("warning" in verdict for verdict in verdicts)
    if warned:
        meter.add("warned_schema_violation", warned, at=received)


def _check_floor(event: Event, project: Project) -> None:
    if project.earliest is not None and event.time < project.earliest:
        earliest = timestamps.readable(project.earliest)
        raise Rejected("timestamp_too_early", f"timestamp is before {earliest}.", "timestamp")


def _check_schema(event: Event, project: Project, steps: list[int]) -> Rejected | None:
    """Return the event's violation of its schema, or None if there is none.

    Raises Rejected for a violation if the project enforces its catalogue.
    """
    schema = project.schemas.get(event.event_type)
    if schema is None:
        return None
    from chalicelib.core import catalogue

    violation = catalogue.violation_of(event.properties, schema, steps)
    if violation is None:
        return None
    reason = Rejected(violation.code, violation.message, violation.field)
    if project.catalogue_mode == "enforce":
        raise reason
    return reason


def _hide(event: Event, project: Project, max_bytes: int) -> Event:
    """Return the event as its project stores it. Raises Rejected if hashed ids make it too large."""
    if not project.is_private:
        return event
    hidden = project.hide(event)
    check_kept(hidden, max_bytes)
    return hidden


def _rejected(index: int, reason: Rejected) -> dict[str, Any]:
    return {"index": index, "status": "rejected", **_reason(reason)}


def _reason(reason: Rejected) -> dict[str, Any]:
    """Return the public form of a rejection. Long names, from clients or catalogues, are shortened."""
    return {
        "code": reason.code,
        "field": reason.field and limits.shortened(reason.field, limits.MAX_FIELD_BYTES),
        "message": limits.shortened(reason.message, limits.MAX_REASON_BYTES),
    }
