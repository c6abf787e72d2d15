"""Gives the chunks of a batch their effects exactly once: look, claim, archive, commit. docs/protocol.md says why.

The queue does the retries. A step handles many chunks in one call. If the outcome of a chunk is unknown, the step tries
this chunk alone. If it stays unknown, the step gives the chunk up. No claim begins after half of the time, and no
commit begins in the last sixth.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib import ports
from chalicelib.core import commit, limits, retries, timestamps
from chalicelib.core.chunk import Chunk
from chalicelib.core.chunk_id import NOBODY
from chalicelib.core.commit import CommitRecord, Outcome
from chalicelib.core.event import Event, EventRef
from chalicelib.core.event_body import StoredEvent
from chalicelib.core.lifetimes import History
from chalicelib.core.metrics import COMMITTED_CHUNKS
from chalicelib.errors import BROKEN_CONTENT, StoreFailed
from chalicelib.ports import Message

# A group of chunks may fail this often. Then each of its chunks is tried alone.
_ATTEMPTS_OF_GROUPS = 2
_log = logging.getLogger(__name__)


@dataclass
class Job:
    """A chunk of the batch, with all messages of the batch that carry it."""

    chunk: Chunk
    messages: list[Message] = field(default_factory=list)
    owned: list[Event] = field(default_factory=list)
    others: list[tuple[Event, str]] = field(default_factory=list)  # events of other owners, which may be uncommitted
    waits_for: set[str] = field(default_factory=set)
    failure: str = "owner_unknown"  # a code of core.failures.REASONS; each step sets the next one

    @property
    def deliveries(self) -> int:
        return max(message.receive_count for message in self.messages)


class Time:
    """The time that an invocation has left. `side_by_side`: a map that makes its calls in parallel."""

    def __init__(self, seconds_left: Callable[[], float], side_by_side: Callable[..., Iterable[Any]]) -> None:
        self._seconds_left, self.side_by_side = seconds_left, side_by_side
        given = seconds_left()
        self._for_claims, self._for_commits = given / 2, given / 6

    def may_claim(self) -> bool:
        return self._seconds_left() >= self._for_claims

    def may_commit(self) -> bool:
        return self._seconds_left() >= self._for_commits

    def ask(self, jobs: Sequence[Job], learn: Callable[[Sequence[Job]], set[str]]) -> set[str]:
        """Run `learn` on all jobs in one call. Then run it alone on each job whose outcome is unknown.

        Return the ids of the chunks that stay unknown. So a chunk that is throttled or hangs does not fail the others.
        """
        unknown = learn(jobs)
        if len(jobs) < 2:
            return unknown
        alone = [job for job in jobs if job.chunk.chunk_id in unknown]
        learn_alone = lambda job: learn([job]) if self.may_claim() else {job.chunk.chunk_id}  # noqa: E731
        return set[str]().union(*self.side_by_side(learn_alone, alone))


def give_effects(
    jobs: Sequence[Job],
    *,
    events: ports.EventStore,
    commits: ports.CommitLog,
    archive: ports.Archive,
    meter: ports.Meter,
    now: datetime,
    lifetimes: History,
    report_properties: Collection[str],
    time: Time,
) -> set[str]:
    """Process chunks. Return the ids of the chunks that are known to be committed; others have their `failure` set."""

    def give(part: Sequence[Job]) -> set[str]:
        known = _look(part, commits, time)
        claimed = _claim(part, known, events, time)
        if any(job.others for job in claimed):
            from chalicelib.flows import uncommitted

            duplicates = [(job.chunk, job.others, job.waits_for) for job in claimed]
            uncommitted.find(duplicates, commits=commits, meter=meter, lifetimes=lifetimes, now=now)
        records = _archive(claimed, archive, meter, now, report_properties)
        committed = _commit(records, commits, time)
        # Chunks of an earlier delivery are logged once more: their worker may have died before it logged them.
        again = [job.chunk for job in part if job.chunk.chunk_id in known.committed]
        meter.add_chunks(COMMITTED_CHUNKS, commit.in_ledger((each.sender.received_at, each.chunk_id) for each in again))
        _measure(committed.values(), meter)
        return known.committed | set(committed)

    return set[str]().union(*(_isolated(part, give) for part in _in_turn(jobs)))


def _isolated(jobs: Sequence[Job], act: Callable[[Sequence[Job]], set[str]]) -> set[str]:
    """Return the result of an action on all jobs. If broken content makes it fail, act on each job alone, so that the
    broken job does not fail the others. This is safe because every step may be repeated.
    """
    try:
        return act(jobs)
    except BROKEN_CONTENT:
        _log.exception("chunks could not be processed: %s", [job.chunk.owner for job in jobs])
    return set[str]().union(*(_isolated([job], act) for job in jobs)) if len(jobs) > 1 else set()


def _split(jobs: Sequence[Job], is_other: Callable[[Job], bool]) -> tuple[list[Job], list[Job]]:
    parts: tuple[list[Job], list[Job]] = ([], [])
    for job in jobs:
        parts[is_other(job)].append(job)
    return parts


def _in_turn(jobs: Sequence[Job]) -> Iterable[list[Job]]:
    """Return the jobs in one or two parts. The second part holds single-event chunks whose event another job has, too.

    They come later, so that they are known to be duplicates before anything is archived.
    """
    others, singles = _split(jobs, lambda job: job.chunk.is_single)
    seen = set[tuple[str, EventRef]]()
    if singles:
        seen = {(job.chunk.project, name) for job in others for event in job.chunk.events for name in event.names}
    first, after = others, list[Job]()
    for job in singles:
        event = (job.chunk.project, job.chunk.events[0].ref)
        (after if event in seen else first).append(job)
        seen.add(event)
    return [part for part in (first, after) if part]


def _look(jobs: Sequence[Job], commits: ports.CommitLog, time: Time) -> Outcome:
    """Find chunks that an earlier delivery committed, and single-event chunks that are duplicates."""
    committed, duplicates, owners = set[str](), set[str](), dict[str, str]()

    def learn(some: Sequence[Job]) -> set[str]:
        try:
            outcome = commits.look([job.chunk for job in some])
        except StoreFailed as error:
            _log.warning("it is unknown which chunks are committed: %s", error)
            return {job.chunk.chunk_id for job in some}
        committed.update(outcome.committed)
        duplicates.update(outcome.duplicates)
        owners.update(outcome.owners)
        return outcome.unknown

    asked = [job for job in jobs if job.chunk.is_single or job.deliveries > 1]
    unknown = time.ask(asked, learn) if asked else set[str]()
    return Outcome(committed, duplicates, owners, unknown)


def _claim(jobs: Sequence[Job], known: Outcome, events: ports.EventStore, time: Time) -> list[Job]:
    """Claim the events of the jobs. Return the jobs whose events all have a known owner, with their own events set.

    An event of another owner is a duplicate: the owner's own message guarantees that it is counted. An unknown owner
    fails the chunk for now. The commit claims the event of a single-event chunk, unless `_look` found a duplicate.
    A single-event chunk waits if `_look` learnt nothing about it: an erased event must not be archived again.
    """
    others, singles = _split(
        [job for job in jobs if job.chunk.chunk_id not in known.committed], lambda job: job.chunk.is_single
    )
    claimed = [job for job in singles if job.chunk.chunk_id not in known.unknown]
    for job in claimed:
        single = job.chunk.chunk_id
        job.owned = [] if single in known.duplicates else list(job.chunk.events)
        job.others = [(job.chunk.events[0], known.owners[single])] if single in known.owners else []
    for portion in _portions(others):
        if time.may_claim():
            unknown = time.ask(portion, lambda some: _claim_events(some, events))
            claimed += [job for job in portion if job.chunk.chunk_id not in unknown]
        else:
            for job in portion:
                job.failure = "out_of_time"
    for job in claimed:
        job.failure = "archive_failed"
    return claimed


def _portions(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Cut jobs into portions, so that the remaining time is checked before each."""
    portion, claims = list[Job](), 0
    for job in jobs:
        if portion and claims + len(job.chunk.events) > limits.MAX_CLAIMS_AT_ONCE:
            yield portion
            portion, claims = [], 0
        portion.append(job)
        claims += len(job.chunk.events)
    if portion:
        yield portion


def _claim_events(jobs: Sequence[Job], events: ports.EventStore) -> set[str]:
    """Set the events that each job owns. Return the ids of the chunks with an event whose owner is unknown."""
    owners = iter(events.claim([(job.chunk, event) for job in jobs for event in job.chunk.events]))
    unknown = set()
    for job in jobs:
        owned_by = [(event, next(owners)) for event in job.chunk.events]
        if any(owner is None for _, owner in owned_by):
            _log.warning("chunk %s: the owner of an event is unknown", job.chunk.owner)
            unknown.add(job.chunk.chunk_id)
        job.owned = [event for event, owner in owned_by if owner == job.chunk.owner]
        job.others = [(event, owner) for event, owner in owned_by if owner and owner not in (job.chunk.owner, NOBODY)]
    return unknown


def _archive(
    jobs: Sequence[Job],
    archive: ports.Archive,
    meter: ports.Meter,
    now: datetime,
    report_properties: Collection[str],
) -> list[CommitRecord]:
    """Write the owned events as one archive object, and return commit records that name it. If the write failed or
    its outcome is unknown, return only the records of chunks that own no event.
    """
    stored = [[StoredEvent.of(event, job.chunk) for event in job.owned] for job in jobs]
    events = [event for theirs in stored for event in theirs]
    name, is_written = None, True
    try:
        name = archive.write(events, now) if events else None
        meter.add("archived_bytes", sum(len(event.dumped) for event in events))
    except StoreFailed as error:
        is_written = False
        _log.warning("it is unknown whether the archive object was written: %s", error)
    records = []
    for job, theirs in zip(jobs, stored, strict=True):
        if is_written or not theirs:
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


def _commit(records: Sequence[CommitRecord], commits: ports.CommitLog, time: Time) -> dict[str, CommitRecord]:
    """Commit records. Return the committed records by chunk_id, each in its final form.

    Failed groups are tried again after all others. The first attempts keep the group, since the usual cause is a
    conflict with another commit. Later attempts take each chunk alone, so that one chunk cannot block the others.
    """
    committed: dict[str, CommitRecord] = {}
    groups = commit.group(records)
    for attempt in range(retries.COMMIT.attempts):
        if attempt == _ATTEMPTS_OF_GROUPS:
            groups = [[record] for group in groups for record in group]
        act = time.side_by_side if attempt >= _ATTEMPTS_OF_GROUPS else map
        outcomes = list(act(lambda group: _commit_group(group, commits, attempt, time), groups))  # noqa: B023
        for done, _ in outcomes:
            committed |= done
        groups = [left for _, left in outcomes if left]
    return committed


def _commit_group(
    group: Sequence[CommitRecord], commits: ports.CommitLog, attempt: int, time: Time
) -> tuple[dict[str, CommitRecord], list[CommitRecord]]:
    """Commit a group until it is done or an attempt changes nothing. Return the committed records and the rest.

    Records that prove to be committed leave the group, and the counters of the rest are computed again. If a
    single-event chunk proves to be a duplicate, it gets a separate record without events.
    """
    done: dict[str, CommitRecord] = {}
    left = {record.chunk_id: record for record in group}
    while left and time.may_commit():
        outcome = commits.commit(list(left.values()), attempt=attempt)
        done |= {chunk_id: left.pop(chunk_id) for chunk_id in outcome.committed}
        left |= {chunk_id: commit.as_duplicate(left[chunk_id]) for chunk_id in outcome.duplicates}
        if not (outcome.committed or outcome.duplicates):
            break
        attempt = 0
    return done, list(left.values())
