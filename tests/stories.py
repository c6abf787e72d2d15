"""Stories of the pipeline itself, which the fault tests tell; STORIES has those of dead letters too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from chalicelib.errors import Problem, ProcessingFailed, StoreFailed
from chalicelib.ports import Message
from dead_letter_stories import Quarantining, Replaying
from injector import Crash
from oracle import Findings
from scene import send
from story import BEHIND, Story, event


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
        # A clock that is hours behind, or not, and an event whose anonymous id tells it.
        (event("m1", sent=BEHIND), event("i1", anonymous_id="device")),
        (event("m1"),),
        (event("m1", sent=BEHIND), event("i1", anonymous_id="device")),
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


STORIES = {story.name: story for story in (Processing, Ingesting, Aggregating, Replaying, Quarantining)}
