"""Stories that the fault tests tell: what is prepared, the one act that goes wrong, and how all settles."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from chalicelib.core.chunk import Sender, decode
from chalicelib.core.dialects import RawEvent
from chalicelib.errors import Problem, ProcessingFailed, StoreFailed
from chalicelib.flows.aggregate import aggregate
from chalicelib.flows.ingest import ingest
from chalicelib.flows.process import process
from chalicelib.flows.quarantine import remove_resolved
from chalicelib.ports import Message
from injector import Call, Crash, Fault, Injector
from millrace.ops import dead_letters, quarantine_replay
from millrace.ops.selection import Selection
from oracle import Findings, Violation, quarantined_object
from poller import Poller
from scene import Scene, send
from stage import Clients, Stage
from waiting import eventually

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
LATER = datetime(2026, 3, 3, tzinfo=UTC)


def event(event_id: str, user: str = "ann", event_type: str = "view", hour: int = 10, **more: Any) -> dict[str, Any]:
    timestamp = {"timestamp": f"2026-03-01T{hour:02}:05:00Z"} if hour else {}
    return {"event_type": event_type, "user_id": user, "event_id": event_id, "page": "/", **timestamp, **more}


class Story:
    """Base: prepare, act through faulty clients, settle without faults, then nothing may be wrong.

    What a story prepares is prepared once; each scenario begins with a copy of it.
    """

    name = ""
    posts: Sequence[Sequence[dict[str, Any]]] = ()
    # Whether more happens behind a zombie's back than another doing all the same.
    has_zombies = False
    _prepared: ClassVar[dict[type, tuple[Scene, dict[str, Any]]]] = {}

    def __init__(self, clients: Clients, injector: Injector) -> None:
        self.clients, self.injector = clients, injector
        # Of the hour_summaries, only those of a single event lie in the table.
        self.stage = Stage(clients, max_summary_item_bytes=46)
        self.faulty = self.stage.through(injector.clients)
        self.poller = Poller(self.stage, clients, Crash)
        self.found_early: list[str] = []
        self.chunk_ids: list[str] = []
        self.dead: list[str] = []
        self.posted, self.fired = 0, 0

    def run(self, *faults: Fault) -> list[str]:
        """What is wrong in the end. The first act's calls are left in `calls`."""
        self.begin()
        self.calls: list[Call] = []
        before = self.injector.total_fired
        for fault in faults or (None,):
            self.injector.arm(fault, self.rival)
            self.act()
            self.calls = self.calls or self.injector.calls
        self.injector.arm(None)
        self.fired = self.injector.total_fired - before
        self.settle()
        return self.found_early + self.violations()

    def begin(self) -> None:
        """Go on from what the story prepares: what its stage holds, and what it knows itself."""
        if type(self) not in self._prepared:
            first = type(self)(self.clients, self.injector)
            first.prepare()
            first.poller.time_out()
            bound = ("clients", "injector", "stage", "faulty", "poller")
            known = {name: value for name, value in vars(first).items() if name not in bound}
            self._prepared[type(self)] = Scene.of(first.stage), known
        scene, known = self._prepared[type(self)]
        scene.set_up(self.stage)
        vars(self).update(deepcopy(known))

    def prepare(self) -> None: ...
    def act(self) -> None: ...
    def rival(self, what: str) -> None:
        """Others do what the act does: "all" of it, "half", or as after a "zombie" that was given up."""

    def settle(self) -> None:
        self.poller.drain(self.process)

    def violations(self) -> list[str]:
        self.findings = findings = self.look()
        found = findings.violations(self.expected())
        dead = self.dead_letters()
        if dead:
            found.append(f"{len(dead)} dead letters")
        return found + self.receipts_violations(findings)

    def look(self) -> Findings:
        return Findings(self.clients, self.stage.settings.table_name, self.stage.settings.bucket_name)

    def receipts_violations(self, findings: Findings) -> list[str]:
        return [f"no receipt: {each}" for each in self.chunk_ids if not findings.is_committed(each)]

    def expected(self) -> Counter[tuple[str, str]]:
        """Every identity that was accepted, once."""
        return Counter({(each["user_id"], each["event_id"]): 1 for post in self.posts for each in post})

    def dead_letters(self) -> list[str]:
        """All that were ever there: each is received once, and then hidden for longer than any test takes."""
        answer = self.clients.sqs.receive_message(
            QueueUrl=self.stage.settings.dead_letter_url, MaxNumberOfMessages=10, VisibilityTimeout=3600
        )
        self.dead += [message["Body"] for message in answer.get("Messages", [])]
        return self.dead

    def post(self, events: Sequence[dict[str, Any]], stage: Stage | None = None) -> dict[str, Any]:
        self.posted += 1  # no two POSTs are received at once: a guarded event would hide that it is one
        through = stage or self.stage
        sender = Sender("default", NOW + timedelta(seconds=self.posted), "127.0.0.1", "story")
        reply = ingest(
            [RawEvent(each, sole_id=each["event_id"].startswith("sole")) for each in events],
            sender=sender,
            queue=through.queue,
            meter=through.meter,
        )
        self.chunk_ids += reply["chunks"]
        return reply

    def process(self, messages: Sequence[Message], stage: Stage | None = None) -> None:
        through = stage or self.stage
        process(
            messages,
            queue=through.queue,
            events=through.events,
            commits=through.commits,
            failure_notes=through.failure_notes,
            archive=through.archive,
            quarantine=through.quarantine,
            meter=through.meter,
            now=NOW,
            lifetimes=through.lifetimes,
            report_properties=through.settings.report_properties,
        )

    def aggregate(self, stage: Stage) -> None:
        aggregate(
            marks=stage.marks,
            counters=stage.counters,
            commits=stage.commits,
            reports=stage.reports,
            hour_summaries=stage.hour_summaries,
            topic=stage.topic,
            meter=stage.meter,
            now=LATER,
        )


class Processing(Story):
    """A batch with everything in it: duplicates of the past and of the batch, guarded events, poison."""

    name = "process"
    has_zombies = True
    has_reports = False
    batch: Sequence[Message] = ()
    past = (event("p1"), event("p2"))
    posts = (
        (event("a1"), event("a2", event_type="click"), event("a2", event_type="click"), event("a3", user="bob")),
        (event("a1"), event("p1"), event("b1"), event("b2", hour=11)),
        (event("g1", hour=0), event("g2", hour=0, user="bob")),
        (event("g1", hour=0),),
        (event("sole1"), event("sole2")),
        (event("sole1", hour=11),),
        (event("p2"),),
        (event("s1", hour=11),),
        (event("s1", hour=11),),
        past,
    )

    def prepare(self) -> None:
        self.post(self.past)
        self.poller.drain(self.process)
        for post in self.posts:
            self.post(post)
        self.send(["poison"])

    def settle(self) -> None:
        """Everything is processed; then all that was in the batch comes from a redrive, as new messages."""
        super().settle()
        self.found_early = self.violations()
        self.send([message.body for message in self.batch if message.body != "poison"])
        super().settle()

    def send(self, bodies: Sequence[str]) -> None:
        send(self.clients, self.stage.settings.queue_url, bodies)

    def look(self) -> Findings:
        """What is undecodable is in quarantine, each message once, and never a dead letter."""
        findings = super().look()
        self.found_early += findings.quarantine_violations(["poison"])
        return findings

    def act(self) -> None:
        self.poller.time_out()
        # Backwards: the queue promises no order, and the next delivery has another.
        self.batch = self.poller.receive()[::-1] or self.batch
        self.poller.deliver(self.batch, lambda messages: self.process(messages, self.faulty))

    def rival(self, what: str) -> None:
        if what == "zombie":
            self.poller.drain(self.process)
            self.aggregate(self.stage)
            self.has_reports = True
        else:
            self.poller.deliver(self.batch[::2] if what == "half" else self.batch, self.process)

    def violations(self) -> list[str]:
        if not self.has_reports:
            return super().violations()
        self.aggregate(self.stage)
        return super().violations() + self.findings.report_violations()


class Ingesting(Story):
    """A POST of several chunks whose client sends again what was not answered 200."""

    name = "ingest"
    posts = (
        # More chunks than one call takes.
        tuple(event(f"e{hour}-{number}", hour=hour) for hour in range(1, 12) for number in range(2))
        + tuple(event(f"g{number}", hour=0) for number in range(2)),
    )

    def act(self) -> None:
        for stage in (self.faulty, self.faulty, self.stage):
            try:
                self.post(self.posts[0], stage)
            except (Problem, Crash) as error:
                assert isinstance(error, Crash) or error.code == "queue_unavailable"  # noqa: PT017 - both are planned
                self.injector.arm(None)
                continue
            return

    def rival(self, what: str) -> None:
        """The client gave up waiting and sends the same again; unless by half, it is processed."""
        self.post(self.posts[0])
        if what != "half":
            self.poller.drain(self.process)


class Aggregating(Story):
    """An aggregator run over new, late and old hours; then runs until nothing is left to do."""

    name = "aggregate"
    has_zombies = True
    posts: Sequence[Sequence[dict[str, Any]]] = (
        (event("a1"), event("a2", user="bob"), event("b1", hour=11)),
        (event("c1", hour=10), event("d1", hour=9)),
    )

    def prepare(self) -> None:
        self.stage.subscribe()
        self.post(self.posts[0])
        self.poller.drain(self.process)
        self.aggregate(self.stage)
        self.post(self.posts[1])
        self.poller.drain(self.process)

    def act(self) -> None:
        try:
            self.aggregate(self.faulty)
        except (StoreFailed, ProcessingFailed, Crash):
            return  # the schedule runs it again

    def rival(self, what: str) -> None:
        """Events come in and, unless by half, another aggregator makes and publishes their reports."""
        late = (event("late"), event("late", user="bob", hour=9))
        self.posts = (*self.posts, late)
        self.post(late)
        self.poller.drain(self.process)
        if what != "half":
            self.aggregate(self.stage)
        if what == "zombie":
            self.post((event("later"),))
            self.posts = (*self.posts, (event("later"),))
            self.poller.drain(self.process)
            self.aggregate(self.stage)

    def settle(self) -> None:
        self.aggregate(self.stage)

    def violations(self) -> list[str]:
        findings = self.look()
        found = findings.violations(self.expected()) + findings.report_violations()
        if findings.unfinished:
            found.append("a complete report is still listed as unfinished")
        published: dict[tuple[str, str, int], str] = {}
        newest: dict[tuple[str, str], int] = {}
        for report in self.published():
            key = (report["grain"], report["start"], report["version"])
            if published.setdefault(key, json.dumps(report)) != json.dumps(report):
                found.append(f"two reports under one version: {key}")
            newest[key[:2]] = max(newest.get(key[:2], 0), report["version"])
        versions = {
            (pk.split("#")[2], window + "0000-00-00T00:00:00Z"[len(window) :]): int(item["v"]["N"])
            for (pk, window), item in findings.reports.items()
        }
        if newest != versions:
            found.append(f"published {newest}, not {versions}")
        return found

    def published(self) -> list[dict[str, Any]]:
        reports = []
        while messages := self.clients.sqs.receive_message(
            QueueUrl=self.stage.subscriber_url, MaxNumberOfMessages=10
        ).get("Messages"):
            reports += [json.loads(json.loads(message["Body"])["Message"]) for message in messages]
        return reports


class Replaying(Story):
    """Dead letters of every kind are sent back: untouched, half done, done, twice there, and undecodable."""

    name = "replay"
    posts = (
        (event("n1"), event("n2", hour=11)),
        (event("h1"), event("h2", user="bob")),
        (event("n1"), event("d1")),
        (event("g1", hour=0),),
    )
    bodies: Sequence[str] = ()

    def prepare(self) -> None:
        for post in self.posts:
            self.post(post)
        messages = []
        while some := self.poller.receive():
            messages += some
        self.stage.queue.delete([message.receipt_handle for message in messages])
        self.bodies = [message.body for message in messages]
        chunks = [decode(body) for body in self.bodies]
        # One was claimed by a worker that died before it archived, one was committed by a slow one.
        self.stage.events.claim([(chunks[2], event) for event in chunks[2].events])
        self.process([Message(self.bodies[3], "gone")])
        self.bury([*self.bodies, self.bodies[0], "poison"])

    def bury(self, bodies: Sequence[str]) -> None:
        send(self.clients, self.stage.settings.dead_letter_url, bodies)

    def act(self) -> None:
        try:
            self.dig(self.faulty)
        except (StoreFailed, Crash):
            return  # the operator runs it again

    def rival(self, what: str) -> None:
        """The processor takes what is back already; unless by half, another operator does the same as we."""
        if what != "half":
            self.dig(self.stage)
        self.poller.drain(self.process)

    def dig(self, stage: Stage) -> None:
        with dead_letters.DeadLetterScan(
            stage.dead_letters, stage.commits, stage.failure_notes, now=datetime.now(UTC), hold_seconds=1
        ) as scan:
            for _ in dead_letters.redrive(scan, Selection(), 0, dead_letters.MoveOutcome(), queue=stage.queue):
                continue

    def settle(self) -> None:
        """Run again until nothing is left; then all of it dies and is replayed a second time."""
        self.dig_out()
        super().settle()
        self.found_early = self.violations()
        self.bury([*self.bodies, *self.bodies])
        self.dig_out()
        super().settle()

    def dig_out(self) -> None:
        def none_is_left() -> bool:
            self.dig(self.stage)
            return self.stage.dead_letters.depth() == 0

        # What a lost answer has hidden shows up when its time is over.
        eventually(none_is_left, "all dead letters to leave", Violation)

    def violations(self) -> list[str]:
        """What is undecodable is in quarantine, once for each copy that came back."""
        found = super().violations()
        kept = {document["message"] for document in self.findings.objects.values()}
        listed = set(map(quarantined_object, self.findings.quarantined))
        if not kept or kept - {"poison", *self.bodies} or listed != self.findings.objects.keys():
            found.append(f"in quarantine: {kept}, listed: {len(listed)}")
        return found


class Quarantining(Replaying):
    """The same dead letters are quarantined, sent again from the quarantine, and leave it when they are committed."""

    name = "quarantine"

    def dig(self, stage: Stage) -> None:
        with dead_letters.DeadLetterScan(
            stage.dead_letters, stage.commits, stage.failure_notes, now=datetime.now(UTC), hold_seconds=1
        ) as scan:
            for _ in dead_letters.move_to_quarantine(
                scan, Selection(), 0, dead_letters.MoveOutcome(), quarantine=stage.quarantine, now=NOW
            ):
                continue
        self.send_again(stage)
        remove_resolved(stage.quarantine)

    def send_again(self, stage: Stage) -> None:
        entries = quarantine_replay.selected(stage.quarantine, Selection(), 0)
        for _ in quarantine_replay.replay(
            entries,
            quarantine_replay.ReplayOutcome(),
            queue=stage.queue,
            quarantine=stage.quarantine,
            now=NOW,
            lifetimes=stage.lifetimes,
            erased={},
            renew=False,
        ):
            continue

    def act(self) -> None:
        super().act()
        self.poller.drain(self.process)
        super().act()  # what was committed leaves the quarantine

    def settle(self) -> None:
        super().settle()
        self.dig(self.stage)
        self.found_early += self.look().quarantine_violations(["poison"])


STORIES = {story.name: story for story in (Processing, Ingesting, Aggregating, Replaying, Quarantining)}
