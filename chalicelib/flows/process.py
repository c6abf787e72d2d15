"""The processor: gives every chunk its effects exactly once, whatever is delivered, retried or killed.

Claim each event's identity; archive the events a chunk owns; commit record, counters and touched
hours in one transaction; only then acknowledge. Every step may be repeated by any number of workers
at once, and each attempt concludes the same. docs/protocol.md says why.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib import ports
from chalicelib.core import chunk as chunks
from chalicelib.core import commit, limits, retries, timestamps
from chalicelib.core.chunk import Chunk
from chalicelib.core.chunk_id import NOBODY
from chalicelib.core.commit import CommitRecord, Outcome
from chalicelib.core.event import Event, EventRef
from chalicelib.core.event_body import StoredEvent
from chalicelib.core.failures import Failure
from chalicelib.core.lifetimes import History
from chalicelib.core.metrics import COMMITTED_CHUNKS
from chalicelib.errors import BROKEN_CONTENT, ProcessingFailed, StoreFailed, Undecodable
from chalicelib.flows.quarantine import quarantine_chunk, quarantine_undecodable
from chalicelib.ports import Message

_log = logging.getLogger(__name__)


@dataclass
class _Job:
    """A chunk of the batch, with every message of the batch that carries it."""

    chunk: Chunk
    messages: list[Message] = field(default_factory=list)
    owned: list[Event] = field(default_factory=list)
    others: list[tuple[Event, str]] = field(default_factory=list)  # events with an owner that may not be committed
    waits_for: set[str] = field(default_factory=set)
    failure: str = "owner_unknown"  # of core.failures.REASONS, unless it gets further

    @property
    def deliveries(self) -> int:
        return max(message.receive_count for message in self.messages)


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
) -> None:
    """Process a batch. Returns when every message is done; the queue may then delete them all.

    Raises ProcessingFailed, after deleting those that are done, if any must come back.
    """
    jobs, undecodable = _decode(messages, latest=now + timedelta(seconds=limits.MAX_FUTURE_SECONDS))
    young, aged = _split(jobs, lambda job: lifetimes.is_too_old(job.chunk.minted, job.chunk.age_counts_from, now))
    done = _quarantine(aged, commits=commits, quarantine=quarantine, meter=meter, now=now)

    def give_effects(part: Sequence[_Job]) -> set[str]:
        known, asked = _look(part, commits)
        claimed = _claim([job for job in asked if job.chunk.chunk_id not in known.committed], known, events)
        if any(job.others for job in claimed):
            from chalicelib.flows import uncommitted

            duplicates = [(job.chunk, job.others, job.waits_for) for job in claimed]
            uncommitted.find(duplicates, commits=commits, meter=meter, lifetimes=lifetimes, now=now)
        records = _archive(claimed, archive, meter, now, report_properties)
        committed = _commit(records, commits)
        # Again, since whoever committed them may have died before this was logged.
        again = [job.chunk for job in part if job.chunk.chunk_id in known.committed]
        meter.add_chunks(COMMITTED_CHUNKS, commit.in_ledger((each.sender.received_at, each.chunk_id) for each in again))
        _measure(committed.values(), meter)
        return known.committed | set(committed)

    for part in _in_turn(young):
        done |= _isolated(part, give_effects)
    finished = [message for job in jobs if job.chunk.chunk_id in done for message in job.messages]
    # After the chunks: garbage does not hold up what is good.
    finished += _set_aside(undecodable, quarantine=quarantine, meter=meter, now=now)
    meter.add("batch_messages", len(messages))
    meter.add("failed_messages", len(messages) - len(finished))
    if len(finished) < len(messages):
        # Lambda, as Chalice sets it up, deletes all or nothing: delete what is done, then fail.
        queue.delete([message.receipt_handle for message in finished])
        _note_failures([job for job in jobs if job.chunk.chunk_id not in done], failure_notes, now)
        raise ProcessingFailed(f"{len(messages) - len(finished)} of {len(messages)} messages must come back")


def _decode(messages: Sequence[Message], latest: datetime) -> tuple[list[_Job], list[Message]]:
    """One job for each chunk, however often the batch holds it; and the undecodable messages."""
    jobs: dict[str, _Job] = {}
    undecodable = []
    for message in messages:
        try:
            chunk = chunks.decode(message.body, latest=latest)
        except Undecodable as error:
            _log.error("message %s is undecodable: %s", message.message_id, error)
            undecodable.append(message)
            continue
        job = jobs.setdefault(chunk.chunk_id, _Job(chunk))
        job.messages.append(message)
        if chunk.age_counts_from > job.chunk.age_counts_from:  # an old copy must not swallow a renewed one
            job.chunk = chunk
    return list(jobs.values()), undecodable


def _isolated(jobs: Sequence[_Job], act: Callable[[Sequence[_Job]], set[str]]) -> set[str]:
    """What an act on all jobs answers. If the content of a job breaks the act, each job is tried alone, so that the
    broken one costs its neighbours nothing: every step may be repeated.
    """
    try:
        return act(jobs)
    except BROKEN_CONTENT:
        _log.exception("chunks could not be processed: %s", [job.chunk.owner for job in jobs])
    return set[str]().union(*(_isolated([job], act) for job in jobs)) if len(jobs) > 1 else set()


def _set_aside(
    messages: Sequence[Message], *, quarantine: ports.Quarantine, meter: ports.Meter, now: datetime
) -> list[Message]:
    """Quarantine undecodable messages, which no delivery would mend; answers those that are kept there."""
    kept = []
    for message in messages:
        try:
            quarantine_undecodable(message, quarantine=quarantine, now=now)
            kept.append(message)
        except StoreFailed as error:
            _log.warning("message %s could not be quarantined: %s", message.message_id, error)
    if kept:
        meter.add("undecodable_messages", len(kept))
    return kept


def _split(jobs: Sequence[_Job], is_other: Callable[[_Job], bool]) -> tuple[list[_Job], list[_Job]]:
    parts: tuple[list[_Job], list[_Job]] = ([], [])
    for job in jobs:
        parts[is_other(job)].append(job)
    return parts


def _quarantine(
    jobs: Sequence[_Job],
    *,
    commits: ports.CommitLog,
    quarantine: ports.Quarantine,
    meter: ports.Meter,
    now: datetime,
) -> set[str]:
    """Quarantine chunks so old that the records which would make them harmless may have expired."""
    quarantined = set()
    for job in jobs:
        chunk = job.chunk
        try:
            if not commits.committed([(chunk.project, chunk.chunk_id)]):
                quarantine_chunk(
                    chunk,
                    job.messages[0],
                    code="too_old",
                    last_delivered=now,
                    quarantine=quarantine,
                    now=now,
                )
                meter.add("quarantined_chunks", 1)
            quarantined.add(chunk.chunk_id)
        except StoreFailed as error:
            job.failure = "quarantine_failed"
            _log.warning("chunk %s could not be quarantined: %s", chunk.owner, error)
    return quarantined


def _in_turn(jobs: Sequence[_Job]) -> Iterable[list[_Job]]:
    """All jobs at once, but for singles whose event another job has as well: they come after it, so that they are
    known as duplicates before they are archived.
    """
    others, singles = _split(jobs, lambda job: job.chunk.is_single)
    seen = set[tuple[str, EventRef]]()
    if singles:
        seen = {(job.chunk.project, name) for job in others for event in job.chunk.events for name in event.names}
    first, after = others, list[_Job]()
    for job in singles:
        event = (job.chunk.project, job.chunk.events[0].ref)
        (after if event in seen else first).append(job)
        seen.add(event)
    return [part for part in (first, after) if part]


def _look(jobs: Sequence[_Job], commits: ports.CommitLog) -> tuple[Outcome, Sequence[_Job]]:
    """Spare chunks that an earlier delivery finished the work, and singles that are duplicates the archive.

    If the look fails, chunks go on without, but not singles: what was erased must not be archived again.
    """
    asked = [job.chunk for job in jobs if job.chunk.is_single or job.deliveries > 1]
    try:
        return (commits.look(asked) if asked else Outcome(set())), jobs
    except StoreFailed as error:
        _log.warning("what was done before is unknown: %s", error)
        return Outcome(set()), [job for job in jobs if not job.chunk.is_single]


def _claim(jobs: Sequence[_Job], known: Outcome, events: ports.EventStore) -> list[_Job]:
    """The jobs whose every event has a known owner, with the events that are their own.

    An owner other than the chunk itself makes the event a duplicate: the owner's own message guarantees that it
    is counted. An unknown owner fails the chunk, for this time. Singles leave it to their commit, but for those that
    are `known` as duplicates.
    """
    others, singles = _split(jobs, lambda job: job.chunk.is_single)
    for job in singles:
        single = job.chunk.chunk_id
        job.owned = [] if single in known.duplicates else list(job.chunk.events)
        job.others = [(job.chunk.events[0], known.owners[single])] if single in known.owners else []
    owners = iter(events.claim([(job.chunk, event) for job in others for event in job.chunk.events]))
    claimed = singles
    for job in others:
        owned_by = [(event, next(owners)) for event in job.chunk.events]
        if any(owner is None for _, owner in owned_by):
            _log.warning("chunk %s: the owner of an event is unknown", job.chunk.owner)
            continue
        job.owned = [event for event, owner in owned_by if owner == job.chunk.owner]
        job.others = [(event, owner) for event, owner in owned_by if owner and owner not in (job.chunk.owner, NOBODY)]
        claimed.append(job)
    for job in claimed:
        job.failure = "archive_failed"
    return claimed


def _archive(
    jobs: Sequence[_Job],
    archive: ports.Archive,
    meter: ports.Meter,
    now: datetime,
    report_properties: Collection[str],
) -> list[CommitRecord]:
    """Write the owned events as one object and name it in the records; no records if that may have failed."""
    stored = [[StoredEvent.of(event, job.chunk) for event in job.owned] for job in jobs]
    events = [event for theirs in stored for event in theirs]
    try:
        name = archive.write(events, now) if events else None
    except StoreFailed as error:
        _log.warning("the archive object was not surely written: %s", error)
        return []
    meter.add("archived_bytes", sum(len(event.dumped) for event in events))
    records = []
    for job, theirs in zip(jobs, stored, strict=True):
        job.failure = "commit_failed"
        body = theirs[0].body(job.owned[0], job.chunk) if job.chunk.is_single and theirs else None
        records.append(
            commit.make_record(job.chunk, job.owned, name, report_properties, body=body, waits_for=job.waits_for)
        )
    return records


def _measure(records: Collection[CommitRecord], meter: ports.Meter) -> None:
    meter.add("stored", sum(record.stored for record in records))
    meter.add("duplicates", sum(record.duplicates for record in records))
    meter.add_chunks(COMMITTED_CHUNKS, commit.in_ledger((record.received, record.chunk_id) for record in records))
    for received in {record.received for record in records}:
        meter.add_seconds_since("seconds_to_stored", timestamps.parse(received))


def _commit(records: Sequence[CommitRecord], commits: ports.CommitLog) -> dict[str, CommitRecord]:
    """The records that are surely committed, by chunk_id, as they are in the end."""
    committed: dict[str, CommitRecord] = {}
    for group in commit.group(records):
        left = _commit_group(group, commits, committed)
        if len(group) > 1:  # one that cannot be committed does not hold its neighbours
            for record in left:
                _commit_group([record], commits, committed)
    return committed


def _commit_group(
    group: Sequence[CommitRecord], commits: ports.CommitLog, committed: dict[str, CommitRecord]
) -> list[CommitRecord]:
    """Commit until all are surely done, or attempts that teach nothing run out; answers what is left.

    What turns out to be committed leaves the group, and the counters are computed anew from the rest. A single
    that turns out to be a duplicate gets a record of its own, which says so.
    """
    left = {record.chunk_id: record for record in group}
    attempt = 0
    while left and attempt < retries.COMMIT.attempts:
        outcome = commits.commit(list(left.values()), attempt=attempt)
        committed |= {chunk_id: left.pop(chunk_id) for chunk_id in outcome.committed}
        left |= {chunk_id: commit.as_duplicate(left[chunk_id]) for chunk_id in outcome.duplicates}
        attempt = 0 if outcome.committed or outcome.duplicates else attempt + 1
    return list(left.values())


def _note_failures(jobs: Sequence[_Job], failure_notes: ports.FailureNotes, now: datetime) -> None:
    """Say why, for whoever finds a chunk in the dead-letter queue. A first failure mostly heals by itself;
    a note that fails changes nothing.
    """
    for job in jobs:
        if job.deliveries > 1:
            with contextlib.suppress(StoreFailed):
                failure_notes.save(job.chunk, Failure(job.failure, timestamps.sortable(now), job.deliveries))
