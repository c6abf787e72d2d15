"""The processor: gives every chunk its effects exactly once, through redeliveries, retries and crashes.

1. Claim the identity of each event.
2. Archive the events that the chunk owns.
3. Write the commit record, counters and marks in one transaction.
4. Acknowledge the message.

Workers may repeat any step at the same time, and every attempt reaches the same conclusion. docs/protocol.md says why.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from chalicelib import ports
from chalicelib.core import chunk as chunks
from chalicelib.core import limits, timestamps
from chalicelib.core.failures import Failure
from chalicelib.core.lifetimes import History
from chalicelib.errors import ProcessingFailed, StoreFailed, Undecodable
from chalicelib.flows.effects import Job, Time, give_effects
from chalicelib.ports import Message

_log = logging.getLogger(__name__)


def process(
    messages: Sequence[Message],
    *,
    queue: ports.Queue,
    events: ports.EventStore,
    commits: ports.CommitLog,
    failure_notes: ports.FailureNotes,
    archive: ports.Archive,
    quarantine: ports.Quarantine,
    meter: ports.Meter,
    now: datetime,
    lifetimes: History,
    report_properties: Collection[str],
    seconds_left: Callable[[], float] = lambda: math.inf,
    side_by_side: Callable[..., Iterable[Any]] = map,
) -> None:
    """Process a batch. Returns when every message is done; the queue may then delete them all.

    Raises ProcessingFailed if messages must be delivered again. Before that, it deletes the finished messages.
    """
    time = Time(seconds_left, side_by_side)
    jobs, undecodable = _decode(messages, latest=now + timedelta(seconds=limits.MAX_FUTURE_SECONDS))
    aged = [job for job in jobs if lifetimes.is_too_old(job.chunk.minted, job.chunk.age_counts_from, now)]
    done = give_effects(
        [job for job in jobs if job not in aged],
        events=events,
        commits=commits,
        archive=archive,
        meter=meter,
        now=now,
        lifetimes=lifetimes,
        report_properties=report_properties,
        time=time,
    )
    # The quarantine comes last, so that its messages do not delay the chunks that can be processed.
    if aged:
        done |= _quarantine(aged, commits=commits, quarantine=quarantine, meter=meter, now=now, time=time)
    finished = [message for job in jobs if job.chunk.chunk_id in done for message in job.messages]
    if undecodable:
        finished += _set_aside(undecodable, quarantine=quarantine, meter=meter, now=now, time=time)
    meter.add("batch_messages", len(messages))
    meter.add("failed_messages", len(messages) - len(finished))
    if len(finished) < len(messages):
        # Chalice's event source deletes all messages of a batch or none. So delete the finished ones, then fail.
        queue.delete([message.receipt_handle for message in finished])
        _note_failures([job for job in jobs if job.chunk.chunk_id not in done], failure_notes, now, time)
        raise ProcessingFailed(f"{len(messages) - len(finished)} of {len(messages)} messages must be delivered again")


def _decode(messages: Sequence[Message], latest: datetime) -> tuple[list[Job], list[Message]]:
    """Return one job for each distinct chunk of the batch, and the undecodable messages."""
    jobs: dict[str, Job] = {}
    undecodable = []
    for message in messages:
        try:
            chunk = chunks.decode(message.body, latest=latest)
        except Undecodable as error:
            _log.error("message %s is undecodable: %s", message.message_id, error)
            undecodable.append(message)
            continue
        job = jobs.setdefault(chunk.chunk_id, Job(chunk))
        job.messages.append(message)
        if chunk.age_counts_from > job.chunk.age_counts_from:  # a renewed copy replaces an older copy
            job.chunk = chunk
    return list(jobs.values()), undecodable


def _set_aside(
    messages: Sequence[Message], *, quarantine: ports.Quarantine, meter: ports.Meter, now: datetime, time: Time
) -> list[Message]:
    """Quarantine undecodable messages, since no redelivery can succeed. Return those that are in the quarantine."""
    from chalicelib.flows.quarantine import quarantine_undecodable  # few batches need it

    kept = []
    for message in messages:
        try:
            if time.may_commit():
                quarantine_undecodable(message, quarantine=quarantine, now=now)
                kept.append(message)
        except StoreFailed as error:
            _log.warning("message %s could not be quarantined: %s", message.message_id, error)
    if kept:
        meter.add("undecodable_messages", len(kept))
    return kept


def _quarantine(
    jobs: Sequence[Job],
    *,
    commits: ports.CommitLog,
    quarantine: ports.Quarantine,
    meter: ports.Meter,
    now: datetime,
    time: Time,
) -> set[str]:
    """Quarantine chunks above the maximum age: the records that prevent double effects may have expired."""
    from chalicelib.flows.quarantine import quarantine_aged  # few batches need it

    quarantined = set()
    for job in jobs:
        job.failure = "quarantine_failed" if time.may_commit() else "out_of_time"
        try:
            if time.may_commit():
                is_new = quarantine_aged(job.chunk, job.messages[0], commits=commits, quarantine=quarantine, now=now)
                meter.add("quarantined_chunks", int(is_new))
                quarantined.add(job.chunk.chunk_id)
        except StoreFailed as error:
            _log.warning("chunk %s could not be quarantined: %s", job.chunk.owner, error)
    return quarantined


def _note_failures(jobs: Sequence[Job], failure_notes: ports.FailureNotes, now: datetime, time: Time) -> None:
    """Save why chunks failed, for operators who find them in the dead-letter queue.

    A first failure is not noted, since the retry usually succeeds. A note that cannot be saved changes nothing.
    """

    def note(job: Job) -> None:
        with contextlib.suppress(StoreFailed):
            failure_notes.save(job.chunk, Failure(job.failure, timestamps.sortable(now), job.deliveries))

    list(time.side_by_side(note, [job for job in jobs if job.deliveries > 1]))
