"""A stage of fakes on which months pass: what is past its expiry is gone, and a clock says what time it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any, ClassVar

from builders import World, make_message
from chalicelib.core import chunk as chunks
from chalicelib.core.chunk import Chunk, Sender
from chalicelib.core.commit import CommitRecord
from chalicelib.core.dialects import Incoming, own, posthog, segment
from chalicelib.core.dialects.registry import OWN
from chalicelib.core.lifetimes import History, Lifetimes
from chalicelib.core.project import Project
from chalicelib.core.windows import Span, Window
from chalicelib.flows.ingest import ingest
from chalicelib.flows.quarantine import quarantine_chunk
from chalicelib.ports import Message
from expiry import Expiry
from fakes import FakeEventStore, FakeMeter, FakeQueue
from millrace.ops import archive_replay, archive_scan, quarantine_replay
from millrace.ops.archive_replay import Replayed
from millrace.ops.erasure import Erased, Eraser, Person, erased_since, receipt, receipt_name
from millrace.ops.quarantine_replay import ReplayOutcome
from millrace.ops.selection import Selection

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: The one event that each case is about, in each dialect.
OWN_EVENT = {"event_type": "bought", "user_id": "ann", "event_id": "e1"}
SEGMENT_EVENT = {"type": "track", "event": "bought", "anonymousId": "device", "messageId": "m1"}
POSTHOG_EVENT = {"event": "bought", "distinct_id": "ann", "uuid": "u1"}


class Months:
    """The stage. Subclasses break one thing each.

    `pointing_kept`: how long guards and pointers are kept, if not as long as events.
    """

    event_store: ClassVar[type[FakeEventStore]] = FakeEventStore
    history: ClassVar[type[History]] = History
    pointing_kept: ClassVar[timedelta | None] = None

    def __init__(self) -> None:
        self.now = START
        first = self.history(((datetime(1970, 1, 1, tzinfo=UTC), Lifetimes()),))
        self.world = World(events=self.event_store(), lifetimes=first)
        self._expiry = Expiry(self.world.events, self.world.commits, self.pointing_kept)
        # Of commits, whatever has expired; and what singles share.
        self._records: dict[str, CommitRecord] = {}
        self._shared: dict[str, str] = {}
        self._receipts: list[str] = []
        self.project = Project("acme")

    # --- what clients do

    def post_own(self, **more: Any) -> Chunk:
        """An attempt to send the event in own form."""
        return self._post(own, OWN_EVENT | more)

    def post_segment(self, *, sent: datetime | None = None, **more: Any) -> Chunk:
        """An attempt of a browser's library of Segment to send the event. It names the user of the moment."""
        message = SEGMENT_EVENT | {"timestamp": START.isoformat()} | more
        return self._post(segment, {"batch": [message], "sentAt": (sent or self.now).isoformat()})

    def post_posthog(self, **more: Any) -> Chunk:
        """An attempt of a library of PostHog to send the event."""
        return self._post(posthog, {"batch": [POSTHOG_EVENT | more], "sent_at": self.now.isoformat()})

    def _post(self, dialect: ModuleType, body: dict[str, Any]) -> Chunk:
        incoming = Incoming(json.dumps(body).encode(), {}, {}, self.now, {"call": "batch"})
        post = dialect.read(OWN.opened(incoming) if dialect is own else incoming)
        queue = FakeQueue()
        sender = Sender(self.project.name, self.now, shared=post.shared)
        ingest(post.events, sender=sender, queue=queue, meter=FakeMeter(), project=self.project)
        (body_of_message,) = queue.bodies
        return chunks.decode(body_of_message)

    # --- what becomes of an attempt

    def process(self, *given: Chunk) -> None:
        """Deliver chunks in one batch."""
        self.deliver([make_message(each) for each in given])

    def deliver(self, messages: Sequence[Message]) -> None:
        self.world.process(*messages, now=self.now)
        self._note()
        self.world.aggregate(self.now)

    def _note(self) -> None:
        self._expiry.note(self.world.lifetimes.current.events)
        self._records |= self.world.commits.records_by_id
        self._shared |= {single: record for (_, single), record in self.world.commits.shared.items()}

    def quarantine(self, *given: Chunk) -> None:
        """Put chunks into the quarantine, as dead letters."""
        for each in given:
            quarantine_chunk(
                each, make_message(each), code="commit_failed", last_delivered=None,
                quarantine=self.world.quarantine, now=self.now,
            )  # fmt: skip

    def fail_halfway(self, *given: Chunk) -> None:
        """Claim the events of chunks, and put the chunks into the quarantine before they are committed."""
        for each in given:
            self.world.events.claim([(each, event) for event in each.events])
        self._note()
        self.quarantine(*given)

    def pass_days(self, days: float) -> None:
        self.now += timedelta(days=days)
        self._expiry.delete(self.now)

    # --- what operators do

    def renew(self) -> ReplayOutcome:
        """`millrace quarantine replay --renew`; the messages wait in the queue."""
        outcome = ReplayOutcome()
        entries = quarantine_replay.selected(self.world.quarantine, Selection(), 0)
        for _ in quarantine_replay.replay(
            entries, outcome, queue=self.world.queue, quarantine=self.world.quarantine, now=self.now,
            lifetimes=self.world.lifetimes, erased=self.erased(), renew=True,
        ):  # fmt: skip
            pass
        return outcome

    def process_queue(self, *, together: bool = True) -> None:
        """Deliver all that waits, in one batch or in one each."""
        messages = self.world.queue.messages()
        for batch in [messages] if together else [[each] for each in messages]:
            self.deliver(batch)
        self.world.queue.delete([each.receipt_handle for each in messages])

    def erased(self) -> dict[str, datetime]:
        """When each person was erased, as the receipts say."""
        return erased_since(self._receipts)

    def erase(self, user: str) -> Erased:
        """`millrace erase --user`."""
        person = Person(self.project.name, user)
        eraser = Eraser(
            person, events=self.world.events, commits=self.world.commits, quarantine=self.world.quarantine,
            erasure=self.world.erasure, archive=self.world.archive,
            is_settled=lambda minted: self.world.lifetimes.is_settled(minted, self.now),
        )  # fmt: skip
        for _ in (*eraser.erase_events(), *eraser.erase_lines(list(self.world.archive.find()))):
            pass
        certificate = receipt(person, eraser.totals, self.now, self.now)
        self._receipts.append(receipt_name(certificate, person))
        self._note()
        self.world.aggregate(self.now)
        return eraser.totals

    def replay(self) -> Replayed:
        """`millrace replay`, and all that it queues is processed."""
        totals = Replayed()
        selection = archive_replay.Selection(Span(), None, None, self.world.lifetimes, self.now)
        for _ in archive_replay.replay(
            archive_scan.objects_of(self.world.archive, Span()), selection=selection, archive=self.world.archive,
            commits=self.world.commits, queue=self.world.queue, now=self.now, totals=totals,
        ):  # fmt: skip
            pass
        self.process_queue()
        return totals

    def change_lifetimes(self, *, events: int = 400, max_chunk_age: int = 30) -> None:
        """`millrace deploy` with other lifetimes, in days."""
        before = self.world.lifetimes
        wanted = replace(before.current, events=timedelta(days=events), max_chunk_age=timedelta(days=max_chunk_age))
        self.world.lifetimes = before.changed(wanted, self.now)
        self.now += timedelta(seconds=1)

    # --- what the stage says

    def totals(self) -> dict[str, int]:
        """How often the event is there. Commit records and lines of the archive count whatever has expired."""
        world = self.world
        days = {event.ref.time[:10] for record in self._records.values() for event in record.owned}
        reports = [world.reports.reports.get(Window(self.project.name, "day", day)) for day in days]
        return {
            "in commit records": sum(record.stored for record in self._records.values()),
            "counted": sum(world.counted().values()),
            "in reports of days": sum(each.content["events"] for each in reports if each),
            "archived": sum(self._counting_lines()),
        }

    def _counting_lines(self) -> list[int]:
        return [
            sum(self._archived_in(line["chunk_id"]) == name for line in lines)
            for name, lines in self.world.archive.documents().items()
        ]

    def _archived_in(self, chunk_id: str) -> str | None:
        record = self._records.get(self._shared.get(chunk_id, chunk_id))
        return record.archive_object if record else None

    def in_quarantine(self) -> int:
        return len(list(self.world.quarantine.waiting()))


ONCE = {"in commit records": 1, "counted": 1, "in reports of days": 1, "archived": 1}
NEVER = dict.fromkeys(ONCE, 0)
