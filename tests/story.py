"""What every story of the fault tests is: what is prepared, the one act that goes wrong, and how all settles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from chalicelib.core import timestamps
from chalicelib.core.chunk import Sender
from chalicelib.core.dialects import RawEvent
from chalicelib.flows.ingest import ingest
from chalicelib.flows.process import process
from chalicelib.ports import Message
from injector import Call, Crash, Fault, Injector
from oracle import Findings
from poller import Poller
from scene import Scene
from stage import Clients, Stage

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
#: When a client sent an event, by a clock that is hours behind.
BEHIND = "2026-03-01T10:05:01Z"
LATER = datetime(2026, 3, 3, tzinfo=UTC)


def event(event_id: str, user: str = "ann", event_type: str = "view", hour: int = 10, **more: Any) -> dict[str, Any]:
    timestamp = {"timestamp": f"2026-03-01T{hour:02}:05:00Z"} if hour else {}
    return {"event_type": event_type, "user_id": user, "event_id": event_id, "page": "/", **timestamp, **more}


def _raw(sent: str | None = None, **fields: Any) -> RawEvent:
    moment = timestamps.parse(sent) if sent else None
    return RawEvent(fields, moment, user_may_change=True, content=fields)


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
            [_raw(**each) for each in events],
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
        stage.aggregate(LATER)
