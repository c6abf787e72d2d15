"""Sends files of events, and adds up the results. Sending a file again changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass

from chalicelib.core import limits
from millrace.io.client import Client, Refused
from millrace.io.reading import LineEvent
from millrace.io.receipts import MOST_WAITING, Receipts

Say = Callable[[str], None]

# Of consecutive lines with the same fault, this many are reported one by one. The rest is reported as a range.
_ONE_BY_ONE = 10
# If this many events were refused one by one and none was accepted, give up: the fault is not in the events.
_ENOUGH = 10
_SHOWN_LENGTH = 200
# A firewall or a limit in front of the stage may refuse a whole batch with these statuses because of one event.
_BECAUSE_OF_AN_EVENT = {400, 403, 406, 413, 422}


@dataclass
class Totals:
    """The results. If all events were sent, `lines` = `unreadable` + `accepted` + `rejected`.

    `stored` and `duplicates` come from receipts. The last two count chunks, not events.
    """

    lines: int = 0
    unreadable: int = 0
    accepted: int = 0
    rejected: int = 0
    stored: int = 0
    duplicates: int = 0
    chunks_in_flight: int = 0
    chunks_quarantined: int = 0

    @property
    def is_clean(self) -> bool:
        return not (self.unreadable or self.rejected or self.chunks_in_flight or self.chunks_quarantined)

    def to_json(self) -> dict[str, int]:
        return asdict(self)


class BadLines:
    """Reports bad lines by number. After some consecutive lines with the same fault, it reports the rest as a range."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._fault = ""
        self._last, self._in_row = 0, 0

    def add(self, number: int, fault: str, shown: str = "") -> None:
        if fault != self._fault or number > self._last + 1:
            self.finish()
            self._fault, self._in_row = fault, 0
        self._last, self._in_row = number, self._in_row + 1
        if self._in_row <= _ONE_BY_ONE:
            self._say(f"line {number}: {fault}{shown}")

    def finish(self) -> None:
        """Report the pending range."""
        if more := max(self._in_row - _ONE_BY_ONE, 0):
            self._say(f"lines {self._last - more + 1} to {self._last}: the same")
        self._in_row = 0


class Sender:
    """Sends events in batches, and adds up the answers."""

    def __init__(self, client: Client, totals: Totals, receipts: Receipts[str], say: Say) -> None:
        self._client = client
        self._totals = totals
        self._receipts = receipts
        self._rejected = BadLines(say)

    def send(self, events: Iterable[LineEvent]) -> Iterator[int]:
        """Send events. Yield the number of events of each answered POST. Raises CommandError if it cannot continue."""
        try:
            for batch in _batches(events):
                yield from self._deliver(batch)
                for _ in self._receipts.collect(leave=MOST_WAITING):
                    pass
        finally:
            self._rejected.finish()

    def _deliver(self, batch: list[LineEvent]) -> Iterator[int]:
        """Post a batch. If its content makes the stage refuse it, post the halves, to find the events at fault."""
        try:
            reply = self._client.post_texts([event.text for event in batch])
        except Refused as refusal:
            if refusal.status not in _BECAUSE_OF_AN_EVENT or refusal.code == "forbidden":
                raise
            if len(batch) > 1:
                yield from self._deliver(batch[: len(batch) // 2])
                yield from self._deliver(batch[len(batch) // 2 :])
                return
            self._reject(batch[0], str(refusal))
            if not self._totals.accepted and self._totals.rejected >= _ENOUGH:
                raise
        else:
            self._totals.accepted += reply["accepted"]
            self._receipts.add(reply["chunks"])
            for event, verdict in zip(batch, reply["events"], strict=True):
                if verdict["status"] == "rejected":
                    self._reject(event, verdict["message"])
        yield len(batch)

    def _reject(self, event: LineEvent, why: str) -> None:
        self._totals.rejected += 1
        self._rejected.add(event.number, f"rejected: {why}", f" {event.text[:_SHOWN_LENGTH]}")


def _batches(events: Iterable[LineEvent]) -> Iterator[list[LineEvent]]:
    batch: list[LineEvent] = []
    size = 0
    for event in events:
        event_size = len(event.text) + 2
        if batch and (len(batch) == limits.MAX_CHUNK_EVENTS or size + event_size > limits.MAX_BODY_BYTES // 2):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += event_size
    if batch:
        yield batch
