"""Random schedules on the fakes, against a model of a few lines: what was accepted, once.

Hypothesis chooses POSTs and client retries, batches of whatever message in whatever state, the order in
which the uses of ports of several workers and aggregators interleave, what fails or dies where, redrives
and the passing of time. A schedule that violates a guarantee is shrunk and printed as a program.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, ClassVar, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from builders import HISTORY, SETTINGS
from chalicelib.core import counting, limits, timestamps, windows
from chalicelib.core.chunk import Sender
from chalicelib.core.commit import CommitRecord
from chalicelib.core.event import EventRef, stable_id
from chalicelib.core.lifetimes import History
from chalicelib.core.report import Report
from chalicelib.errors import Problem
from chalicelib.flows import process as processor
from chalicelib.flows.aggregate import aggregate
from chalicelib.flows.ingest import ingest
from chalicelib.flows.reports import PUBLISHED_FOR
from chalicelib.ports import Queue
from expiry import Expiry
from fakes import (
    FakeAgenda,
    FakeArchive,
    FakeCommitLog,
    FakeErasure,
    FakeEventStore,
    FakeFailureNotes,
    FakeHourSummaryStore,
    FakeMarks,
    FakeMeter,
    FakeQuarantine,
    FakeReportStore,
    FakeTopic,
)
from millrace.ops.erasure import Eraser, Person
from millrace.ops.quarantine_replay import ReplayOutcome
from millrace.ops.quarantine_replay import replay as renew_quarantined
from oracle import demand
from posted import DEVICE, IngestionQueue, MessageQueue, Post
from turns import FAULTS, Turns

START = datetime(2026, 3, 3, 12, tzinfo=UTC)
PROJECTS = ("acme", "other")
TIMES = ("2026-03-01T09:05:00Z", "2026-03-01T09:05:30Z", "2026-03-01T10:00:00Z")
# One choice for each event, not one for each field: choosing is most of what a schedule costs. Half have no id, and
# half no time.
EVENTS = st.lists(
    st.sampled_from(
        [
            {"user_id": user, "event_type": event_type} | event_id | time
            for user, event_type in product("ab", ("view", "click"))
            for event_id in ({}, {}, {"event_id": "1"}, {"event_id": "2"})
            for time in ({}, {}, {}, *({"timestamp": each} for each in TIMES))
        ]
    ),
    min_size=1,
    max_size=5,
)
STEPS = st.sampled_from((0, 1, 2, 3, 4, 5, 6, 8, 10, 40))
OUTCOMES = st.sampled_from(("fine", "fine", *FAULTS))
USERS = st.sampled_from((None, "ann", "bob"))
RARELY = st.sampled_from((False, False, False, True))
PICKS = st.lists(st.integers(0, 1000), min_size=1, max_size=4)


def who(user: str) -> str:
    """The person behind an id that an event is stored under."""
    return user.rpartition("@")[2]


class Schedule(RuleBasedStateMachine):
    """The pipeline on fakes, and what the model knows of it. Subclasses break one thing each.

    `guards_kept`: how long guards and pointers are kept, if not as long as events.
    """

    first_lifetimes: ClassVar[History] = HISTORY
    guards_kept: ClassVar[timedelta | None] = None
    event_store: ClassVar[type[FakeEventStore]] = FakeEventStore
    commit_log: ClassVar[type[FakeCommitLog]] = FakeCommitLog
    mark_store: ClassVar[type[FakeMarks]] = FakeMarks
    report_store: ClassVar[type[FakeReportStore]] = FakeReportStore
    archive_store: ClassVar[type[FakeArchive]] = FakeArchive
    figures: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.now, self.era, self.lifetimes = START, 0, self.first_lifetimes
        self.dice = random.Random(1)  # noqa: S311 - a schedule can be run again
        self.messages, self.posts = MessageQueue(), list[Post]()
        self.events, self.commits, self.archive = self.event_store(), self.commit_log(), self.archive_store()
        self.commits.events, self.commits.marks = self.events, self.mark_store()
        self.expiry = Expiry(self.events, self.commits, self.guards_kept)
        self.failure_notes, self.quarantine = FakeFailureNotes(), FakeQuarantine(self.commits)
        self.reports, self.topic, self.meter = self.report_store(), FakeTopic(), FakeMeter()
        self.hour_summaries = FakeHourSummaryStore(self.reports)
        self.running: list[tuple[Turns, list[str]]] = []
        self.accepted: dict[tuple[Any, ...], set[str]] = {}  # identity to its chunks
        # What was ever there, whatever expired.
        self.owners: dict[Any, set[str]] = {}
        self.records: dict[str, CommitRecord] = {}
        self.shared: dict[str, str] = {}  # of singles, by chunk_id
        self.erased: set[tuple[str, EventRef]] = set()
        self.erasing, self.unfinished = Counter[str](), set[str]()  # erasures by user: that run, and that ended early
        self.unseen: list[tuple[str, set[str]]] = []  # of erasures: the user, and the chunks that were in quarantine
        self.figures["schedules"] += 1

    @initialize()
    def poison(self) -> None:
        self.messages.put("poison")

    # --- what clients do

    @rule(
        project=st.sampled_from((PROJECTS[0], *PROJECTS)),
        events=EVENTS,
        key=st.sampled_from((None, None, "k")),
        takes=st.sampled_from((9, 9, 0, 1, 2)),
        admits=st.sampled_from((9, 9, 0, 1)),
    )
    def post(self, project: str, events: list[dict[str, Any]], key: str | None, takes: int, admits: int) -> None:
        # Ids of an era of their own: after longer than a client may retry, they are new ones.
        named = [{**event, "era": self.era} for event in events]
        for event in named:
            if "event_id" in event:
                event["event_id"] += f".{self.era}"
        self._send(Post(project, named, f"{key}.{self.era}" if key else None, self.now), takes, admits)

    @rule(
        ids=st.sampled_from((("1",), ("2",), ("1", "2"))),
        off=st.sampled_from((0, 0, 5, -3, 30)),
        user=USERS,
        takes=st.sampled_from((9, 9, 1)),
    )
    def post_by_library(self, ids: tuple[str, ...], off: int, user: str | None, takes: int) -> None:
        """A browser's library, whose clock may be hours off."""
        self.now += timedelta(seconds=1)
        events = [{"event_type": "view", "event_id": f"m{each}.{self.era}"} for each in ids]
        self._send(Post(PROJECTS[0], events, None, self.now, timedelta(hours=off)), takes, takes, user)

    @precondition(lambda self: self.posts)
    @rule(
        pick=st.integers(0, 1000),
        takes=st.sampled_from((9, 0, 1)),
        admits=st.sampled_from((9, 0)),
        user=USERS,
        as_it_was=st.booleans(),
    )
    def send_again(self, pick: int, takes: int, admits: int, user: str | None, as_it_was: bool) -> None:
        post = self.posts[pick % len(self.posts)]
        if post.is_recognisable and not History.may_expire(self.lifetimes, post.at, self.now):
            self.figures["client retries"] += 1
            self._send(post, takes, admits, user, as_it_was=as_it_was)

    def _send(self, post: Post, takes: int, admits: int, user: str | None = None, *, as_it_was: bool = False) -> None:
        """Send until it is accepted, as clients do that were answered 503."""
        self.now += timedelta(seconds=1)
        if not post.is_recognisable:
            takes = admits = 9
            post = replace(post, at=self.now)
        try:
            reply = ingest(
                post.raw_events(user, self.now, as_it_was=as_it_was),
                sender=Sender(post.project, self.now),
                queue=cast(Queue, IngestionQueue(self.messages, takes, admits)),  # ingestion sends, and no more
                meter=self.meter,
                idempotency_key=post.key,
                randomness=self.dice.randbytes,
            )
        except Problem as problem:
            if problem.code != "queue_unavailable":
                raise
            self.figures["answers 503"] += 1
            self._send(post, 9, 9, user, as_it_was=as_it_was)
            return
        demand(reply["accepted"] == len(post.events), "an event was not accepted")
        self.posts.append(post)
        self.figures["posts"] += 1
        for identity in post.identities():
            self.accepted.setdefault(identity, set()).update(reply["chunks"])

    # --- what the queue, the schedule and fate do

    @precondition(lambda self: len(self.running) < 4)
    @rule(picks=PICKS, stale=st.booleans(), again=RARELY, steps=STEPS, outcome=OUTCOMES)
    def deliver(self, picks: list[int], stale: bool, again: bool, steps: int, outcome: str) -> None:
        """A batch of whatever is not deleted, in flight elsewhere or not; rarely of what is deleted."""
        there = self.messages.of("queued", "gone") if again else self.messages.of("queued")
        if there:
            self._start_worker([there[pick % len(there)] for pick in picks], stale=stale)
            self.go_on(-1, steps, outcome)

    @precondition(lambda self: len(self.running) < 4)
    @rule(steps=STEPS, outcome=OUTCOMES)
    def aggregate(self, steps: int, outcome: str) -> None:
        self._start_aggregator()
        self.go_on(-1, steps, outcome)

    @precondition(lambda self: self.running)
    @rule(pick=st.integers(0, 3), steps=STEPS, outcome=OUTCOMES)
    def go_on(self, pick: int, steps: int, outcome: str) -> None:
        """One of those that run uses ports so many times, and the last time goes so."""
        if self.running:
            turns, handles = self.running[pick % len(self.running)]
            for each in ["fine"] * steps + [outcome]:
                if not turns.over:
                    self.figures["faults"] += each != "fine"
                    turns.step(each)
            if turns.over:
                self._end(turns, handles)

    @precondition(lambda self: self.messages.of("dead"))
    @rule(twice=st.booleans())
    def redrive(self, twice: bool) -> None:
        for number in self.messages.of("dead"):
            message = self.messages.all[number]
            message.state = "gone"
            for _ in range(1 + twice):
                self.messages.put(message.body)
                self.figures["redriven"] += 1

    @rule(hours=st.sampled_from((1, 2, 12, 24, *(24 * days for days in (6, 29, 31, 38, 401)))), really=RARELY)
    def wait(self, hours: int, really: bool) -> None:
        """No invocation outlives hours: its time runs out. What is past its expiry is deleted."""
        if really:
            self._kill_all()
            self.now += timedelta(hours=hours)
            self.era += hours > 100
            self._expire()

    def _expire(self) -> None:
        self.expiry.delete(self.now)

    # --- what operators do

    @rule(days=st.sampled_from(((400, 30), (60, 20), (100, 50))), really=RARELY)
    def change_lifetimes(self, days: tuple[int, int], really: bool) -> None:
        """Workers that run now go on with the lifetimes that they have read."""
        if really:
            self.now += timedelta(seconds=1)
            events, age = (timedelta(days=each) for each in days)
            wanted = replace(self.lifetimes.current, events=events, max_chunk_age=age)
            self.lifetimes = self.lifetimes.changed(wanted, self.now)
            self.figures["changed lifetimes"] += 1

    @precondition(lambda self: self.quarantine.entries)
    @rule(days=st.sampled_from((0, 0, 9, 38, 78)))
    def renew(self, days: int) -> None:
        """Renew the whole quarantine, after some time."""
        self.wait(24 * days, really=bool(days))
        outcome = ReplayOutcome()
        for _ in renew_quarantined(
            [each for each in self.quarantine.waiting() if each.project],
            outcome,
            queue=cast(Queue, IngestionQueue(self.messages, 99, 99)),
            quarantine=self.quarantine,
            now=self.now,
            lifetimes=self.lifetimes,
            erased=self._erased_people(),
            renew=True,
        ):
            pass
        self.figures["renewed"] += outcome.sent
        self.figures["not renewed"] += outcome.refused

    def _erased_people(self) -> dict[str, datetime]:
        return {stable_id(project, user): self.now for project in PROJECTS for user, _ in self.unseen}

    @precondition(lambda self: len(self.running) < 4)
    @rule(user=st.sampled_from(("a", DEVICE, f"ann@{DEVICE}")), really=RARELY, steps=STEPS, outcome=OUTCOMES)
    def erase(self, user: str, really: bool, steps: int, outcome: str) -> None:
        """Beside all others, and it may end at any call."""
        if really:
            now, quarantined = self.now, self._only_in_quarantine()
            self._start(lambda port: self._erase(user, port, now, quarantined), [])
            self.go_on(-1, steps, outcome)

    def _erase(self, user: str, port: Any, now: datetime, quarantined: set[str]) -> None:
        """What is in quarantine is left, and never renewed after the erasure."""
        self.erasing[user] += 1
        self.unfinished.add(user)
        try:
            self._erase_of(user, port, now, quarantined)
        finally:
            self.erasing[user] -= 1
        if not self.erasing[user]:
            self.unfinished.discard(user)

    def _erase_of(self, user: str, port: Any, now: datetime, quarantined: set[str]) -> None:
        archive = port(self.archive)
        archive.read = self.archive.read  # by threads, which take no turns
        for project in PROJECTS:
            stood = {key for key in self.events.stored if (key[0], key[1].user) == (project, user)}
            eraser = Eraser(
                Person(project, user),
                events=port(self.events),
                commits=port(self.commits),
                quarantine=port(self.quarantine),
                erasure=port(FakeErasure(self.events, self.commits)),
                archive=archive,
                is_settled=lambda minted: self.lifetimes.is_settled(minted, now),
            )
            for _ in (*eraser.erase_events(), *eraser.erase_lines(list(archive.find()))):
                pass
            eraser.count_left()
            self.figures["erased"] += eraser.totals.events
            left = stood & set(self.events.stored)
            demand(not (left and eraser.totals.is_settled), "an erasure said that it was complete, and left {}", left)
        # What a quarantined chunk had claimed before is left, too, and said to be.
        quarantined &= self._only_in_quarantine()
        quarantined -= {event["chunk_id"] for (_, ref), event in self.events.stored.items() if ref.user == user}
        self.unseen.append((user, quarantined))

    def _only_in_quarantine(self) -> set[str]:
        """The quarantined chunks of which no copy is on its way: nobody sees one that was renewed."""
        quarantined = {each.name for each in self.quarantine.waiting() if each.project}
        bodies = {self.messages.all[number].body for number in self.messages.of("queued", "dead")} - {"poison"}
        return quarantined - {json.loads(body)["chunk_id"] for body in bodies}

    # --- how it runs

    def _start_worker(self, numbers: list[int], *, stale: bool = False) -> None:
        messages, now = self.messages.receive(numbers, stale=stale), self.now
        self.commits.marks.now = now
        self.figures["deliveries"] += len(messages)
        self._start(
            lambda port: processor.process(
                messages,
                queue=port(self.messages),
                events=port(self.events),
                commits=port(self.commits),
                failure_notes=port(self.failure_notes),
                archive=port(self.archive),
                quarantine=port(self.quarantine),
                meter=self.meter,
                now=now,
                lifetimes=self.lifetimes,
                report_properties=SETTINGS.report_properties,
            ),
            [message.receipt_handle for message in messages],
        )

    def _start_aggregator(self) -> None:
        now = self.now
        self._start(
            lambda port: aggregate(
                agenda=FakeAgenda(self.commits.marks, self.reports),
                marks=port(self.commits.marks),
                counters=port(self.commits.counters),
                commits=port(self.commits),
                reports=port(self.reports),
                hour_summaries=port(self.hour_summaries),
                topic=port(self.topic),
                meter=self.meter,
                lifetimes=self.lifetimes,
                now=now,
            ),
            [],
        )

    def _start(self, act: Any, handles: list[str]) -> None:
        turns = Turns(act)
        self.running.append((turns, handles))
        if turns.over:
            self._end(turns, handles)

    def _end(self, turns: Turns, handles: list[str]) -> None:
        self.running.remove((turns, handles))
        self.figures["steps"] += turns.steps
        if turns.succeeded:
            self.messages.delete(handles)

    def _finish_all(self) -> None:
        for turns, handles in self.running[:]:
            turns.finish()
            self._end(turns, handles)

    def _kill_all(self) -> None:
        for turns, _ in self.running:
            turns.kill()
        self.running.clear()

    @rule(survive=st.booleans(), really=RARELY)
    def quieten(self, survive: bool, really: bool) -> None:
        if really:
            self.settle(survive=survive)

    def settle(self, *, survive: bool) -> None:
        """Whatever runs ends or dies; everything is delivered until the queue is empty, then reported."""
        self._finish_all() if survive else self._kill_all()
        for _ in range(20):
            self.redrive(twice=True)
            left = self.messages.of("queued")
            if not left:
                break
            self._start_worker(left[:10])
            self._finish_all()
        demand(not self.messages.of("queued"), "the queue does not become empty")
        for _ in range(3):  # a mark that is young stays for the next
            self._start_aggregator()
            self._finish_all()
            self.now += timedelta(minutes=5)
        self.figures["settled"] += 1
        self._check_settled()

    def teardown(self) -> None:
        self.settle(survive=True)

    # --- what must be true

    @invariant()
    def nothing_counts_twice(self) -> None:
        self.expiry.note(self.lifetimes.current.events)
        self.erased |= self.events.erased
        for (project, ref), event in self.events.stored.items():
            self.owners.setdefault((project, ref), set()).add(event["chunk_id"])
        self.records |= self.commits.records_by_id
        self.shared |= {chunk_id: record_id for (_, chunk_id), record_id in self.commits.shared.items()}
        demand(all(len(owners) == 1 for owners in self.owners.values()), "an identity changed its owner")
        refs = Counter((record.project, event.ref) for record in self.records.values() for event in record.owned)
        demand(set(refs) <= set(self.owners), "a commit record refers to what was never stored")
        demand(all(number == 1 for number in refs.values()), "two commit records own one event")
        counted = sum(minutes.total() for minutes in self.commits.counters.counts.values())
        demand(counted <= len(self.accepted), "{} counted, {} accepted", counted, len(self.accepted))

    def _check_settled(self) -> None:
        self.nothing_counts_twice()
        listed = {chunk_id for project, chunk_id in self.quarantine.entries if project}
        quarantined = listed - set(self.records) - set(self.shared)
        demand(any(project is None for project, _ in self.quarantine.entries), "the poison is nowhere")
        self.figures["quarantined"] += len(quarantined)
        certain = Counter(name[:2] for name, chunk_ids in self.accepted.items() if not chunk_ids & quarantined)
        accepted = Counter(name[:2] for name in self.accepted)
        owned = Counter(
            (record.project, who(event.ref.user)) for record in self.records.values() for event in record.owned
        )
        owned.update((project, who(ref.user)) for project, ref in self.erased)
        held = self._held_unanswered(quarantined)
        facts = (accepted, certain, owned, held)
        demand(certain <= owned + held and owned <= accepted, "accepted {}, certain {}, owned {}, held {}", *facts)
        duplicates = sum(record.duplicates for record in self.records.values())
        self.figures["duplicates"] += duplicates
        self.figures["singles"] += len(self.shared)
        self._check_counters()
        self._check_archive()
        self._check_receipts(quarantined)
        for user, unseen in self.unseen:
            stands = {event["chunk_id"] for (_, ref), event in self.events.stored.items() if ref.user == user}
            demand(not stands & unseen, "{} was erased, and came back from the quarantine", user)
        self._check_reports()

    def _held_unanswered(self, quarantined: set[str]) -> Counter[tuple[str, str]]:
        """Events that a quarantined chunk has claimed, which was queued by an attempt that was answered 503."""
        unanswered = quarantined.difference(*self.accepted.values())
        return Counter(
            (project, who(ref.user)) for (project, ref), owners in self.owners.items() if owners & unanswered
        )

    def _check_counters(self) -> None:
        truth = Counter(
            (record.project, event.ref.time[:16], event.event_type)
            for record in self.records.values()
            for event in record.owned
        )
        counted = Counter(
            {
                (project, f"{hour}:{minute}", event_type): number
                for (project, hour, event_type), minutes in self.commits.counters.counts.items()
                for minute, number in minutes.items()
            }
        )
        demand(counted == truth, "counters say {}, commit records {}", counted, truth)
        counters = self.commits.counters
        for (project, day), packed in counters.packed.items():
            now = counting.pack_totals(counters.of_day(project, day), at_most=limits.MAX_TOTALS_ENTRIES)
            demand(packed == now, "the totals of {} are not what its counters say", day)

    def _check_archive(self) -> None:
        lines = Counter(
            (
                line["project"],
                timestamps.parse(line["timestamp"]),
                line.get("user_id", line.get("anonymous_id")),
                line["event_id"],
            )
            for name, events in self.archive.documents().items()
            for line in events
            if (record := self._record_of(line["chunk_id"])) and record.archive_object == name
        )
        refs = Counter(
            (record.project, timestamps.parse(event.ref.time), event.ref.user, event.ref.event_id)
            for record in self.records.values()
            for event in record.owned
        )
        # Where the record had expired, an erasure takes the line, and nothing in the table says so.
        gone = {ref for ref in refs if ref[2] in self.erasing and ref not in lines} & self._of_expired_records()
        kept = Counter({ref: number for ref, number in refs.items() if ref not in gone})
        # An erasure that ended early has left lines; who runs it again takes them.
        more = Counter({ref: number for ref, number in lines.items() if ref in kept or ref[2] not in self.unfinished})
        demand(more == kept, "the archive does not hold each owned event once")

    def _of_expired_records(self) -> set[tuple[str, datetime, str, str]]:
        return {
            (record.project, timestamps.parse(event.ref.time), event.ref.user, event.ref.event_id)
            for chunk_id, record in self.records.items()
            if chunk_id not in self.commits.records_by_id
            for event in record.owned
        }

    def _record_of(self, chunk_id: str) -> CommitRecord | None:
        return self.records.get(self.shared.get(chunk_id, chunk_id))

    def _check_receipts(self, quarantined: set[str]) -> None:
        for chunk_ids in self.accepted.values():
            for chunk_id in chunk_ids:
                demand(self._record_of(chunk_id) or chunk_id in quarantined, "{} has no receipt", chunk_id)
        demand(quarantined <= set(self.quarantine.contents), "a quarantined message is not kept")

    def _check_reports(self) -> None:
        demand(not self.commits.marks.tokens, "marks left: {}", self.commits.marks.tokens)
        events: Counter[Any] = Counter()
        expired = set()
        for chunk_id, record in self.records.items():
            windows = [(record.project, "hour", record.hour), (record.project, "day", record.hour[:10])]
            events.update({window: record.stored for window in windows if record.stored})
            if chunk_id not in self.commits.records_by_id:
                expired.update(windows)  # a report says what the records that are there say
        reported = {(w.project, w.grain, w.name): each.content["events"] for w, each in self.reports.reports.items()}
        for window, number in events.items():
            if window not in expired:
                demand(reported.get(window) == number, "{}: {}, not {}", window, reported.get(window), number)
        newest: dict[Any, tuple[int, str]] = {}
        seen: dict[Any, str] = {}
        for message in self.topic.published:
            report = json.loads(message["document"])
            window = (report["project"], report["grain"], report["start"])
            same = seen.setdefault((*window, report["version"]), message["document"])
            demand(same == message["document"], "two reports under one version: {}", window)
            newest[window] = max(newest.get(window, (0, "")), (report["version"], message["document"]))
        for report in self.reports.reports.values():
            published, _ = newest.get(self._window(report), (0, ""))
            demand(report.published == report.version, "handed on {}, not {}", report.published, report.version)
            if not report.window.is_over(self.now - PUBLISHED_FOR):  # older ones go to the archive alone
                demand(published == report.version, "published {}, not {}", published, report.version)

    @staticmethod
    def _window(report: Report) -> tuple[str, str, str]:
        return (report.window.project, report.window.grain, windows.start(report.window.name))
