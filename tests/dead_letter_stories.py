"""Stories of dead letters: sent back to the queue, or kept in the quarantine and sent again from there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from chalicelib.core.chunk import decode
from chalicelib.errors import StoreFailed
from chalicelib.flows.quarantine import settle
from chalicelib.ports import Message
from injector import Crash
from millrace.ops import dead_letter_moves, dead_letters, quarantine_replay
from millrace.ops.selection import Selection
from oracle import Violation, quarantined_object
from scene import send
from stage import Stage
from story import NOW, Story, event
from waiting import eventually


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
            for _ in dead_letter_moves.redrive(
                scan, Selection(), 0, dead_letter_moves.MoveOutcome(), queue=stage.queue
            ):
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
        """What a lost answer has hidden shows up when its time is over."""
        self.dig(self.stage)
        eventually(self.none_is_left, "all dead letters to leave", Violation)

    def none_is_left(self) -> bool:
        """Whether no dead letter is left, after another look if one can be received."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.clients.sqs.get_queue_attributes(
            QueueUrl=self.stage.settings.dead_letter_url, AttributeNames=names
        )
        visible, hidden = (int(answer["Attributes"][name]) for name in names)
        if visible:
            self.dig(self.stage)
        return not visible and not hidden

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
            for _ in dead_letter_moves.move_to_quarantine(
                scan, Selection(), 0, dead_letter_moves.MoveOutcome(), quarantine=stage.quarantine, now=NOW
            ):
                continue
        self.send_again(stage)
        settle(stage.quarantine)

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
