"""A chunk: the accepted events of one POST that share an hour. A chunk is one queue message and one commit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from chalicelib.core import compact, lifetimes, limits, timestamps
from chalicelib.core.chunk_id import hour_of, minted_at, owner_of, single_id
from chalicelib.core.event import FIELDS, FLAGS, Event, EventRef, Field
from chalicelib.core.windows import HOUR, MINUTE
from chalicelib.errors import Undecodable

_FORMAT = 3


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender and the time of a POST: the facts that all its events share.

    `shared`: the fields that a batch states once for all its events. It may have two members. The values in
    `context` are added to the context of each event, unless the event has its own value. The fields in `batch` are
    stored in the member `batch` of each event's context, together with the overridden values.
    """

    project: str
    received: datetime
    source_ip: str | None = None
    user_agent: str | None = None
    shared: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def received_at(self) -> str:
        """Return the time of receipt in the sortable form."""
        return _in_utc(self.received)


@lru_cache(maxsize=2048)  # each event of a chunk needs it
def _in_utc(moment: datetime) -> str:
    return timestamps.sortable(moment)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk. `repeats`: events with an identity that the same POST has already sent. They are accepted duplicates.

    `renewed`: when an operator sent the chunk again although it was older than the maximum chunk age.

    A *single* (single-event chunk) holds one small, recent event, whose item is also the commit record. Its chunk_id
    ends with the key of the event. So every retry can tell from the chunk_id whether ingestion made the chunk a single.

    `dumped`: the stored forms that were already made, by event. The table and the archive share them.
    """

    chunk_id: str
    sender: Sender
    events: tuple[Event, ...]
    repeats: int = 0
    renewed: datetime | None = None
    dumped: dict[EventRef, bytes] = field(init=False, default_factory=dict, repr=False, compare=False)

    @property
    def project(self) -> str:
        return self.sender.project

    @property
    def hour(self) -> str:
        return hour_of(self.chunk_id)

    @property
    def owner(self) -> str:
        return owner_of(self.chunk_id)

    @property
    def is_single(self) -> bool:
        return self.chunk_id != self.owner

    @property
    def accepted(self) -> int:
        return len(self.events) + self.repeats

    @property
    def minted(self) -> datetime:
        return minted_at(self.chunk_id)

    @property
    def is_old_for_single(self) -> bool:
        """Return whether the first event is too old for a single-event chunk."""
        return self.minted - timestamps.parse(self.events[0].time) > lifetimes.MAX_SINGLE_AGE

    @property
    def age_counts_from(self) -> datetime:
        """Return the time from which the maximum chunk age counts."""
        return self.renewed or self.minted


def pack(
    events: Iterable[Event], *, sender: Sender, repeats: dict[str, int], mint: Callable[[str], str]
) -> list[tuple[Chunk, str]]:
    """Cut the events of one POST into chunks, each small enough for one commit. Return them with their messages.

    The oldest hour comes first. `repeats`: the dropped events with a repeated identity, by hour. `mint`: makes the
    chunk_id for a minute.
    """
    shared_size = _shared_size(sender)
    by_hour: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_hour[HOUR.name_of(event.time)].append(event)
    packed = []
    for hour in sorted(by_hour):
        for number, (group, texts) in enumerate(_cut(by_hour[hour], shared_size)):
            newest = MINUTE.name_of(max(event.time for event in group))
            chunk = Chunk(mint(newest), sender, tuple(group), repeats.get(hour, 0) if number == 0 else 0)
            chunk = _stamp(chunk, len(texts[0]) + shared_size)
            packed.append((chunk, _message(chunk, texts)))
    return packed


def _shared_size(sender: Sender) -> int:
    return len(compact.dump(sender.shared)) if sender.shared else 0


def _stamp(chunk: Chunk, size: int) -> Chunk:
    """Return the chunk, as a single-event chunk if that is cheaper. `size`: the bytes of its first event."""
    event = chunk.events[0]
    is_large = size > limits.MAX_SINGLE_BYTES
    if chunk.accepted > 1 or not event.is_told_by_its_item or is_large or chunk.is_old_for_single:
        return chunk
    chunk_id = single_id(chunk.chunk_id, event.ref)
    return replace(chunk, chunk_id=chunk_id) if len(chunk_id) <= limits.MAX_SINGLE_ID else chunk


def _cut(events: list[Event], shared_size: int) -> Iterable[tuple[list[Event], list[str]]]:
    """Yield groups of events that fit a chunk, with the events as JSON. Shared fields count in each event's size."""
    group: list[Event] = []
    texts: list[str] = []
    size, types = 0, set[str]()
    for event in events:
        text = compact.dump(_event_to_message(event))
        full = (
            len(group) == limits.MAX_CHUNK_EVENTS
            or size + len(text) + shared_size + 1 > limits.MAX_CHUNK_BYTES
            or (event.event_type not in types and len(types) == limits.MAX_CHUNK_TYPES)
        )
        if group and full:
            yield group, texts
            group, texts, size, types = [], [], 0, set()
        group.append(event)
        texts.append(text)
        size += len(text) + shared_size + 1
        types.add(event.event_type)
    yield group, texts


def encode(chunk: Chunk) -> str:
    """Return the message body: JSON in ASCII, since SQS rejects or replaces some other characters."""
    return _message(chunk, [compact.dump(_event_to_message(event)) for event in chunk.events])


def _message(chunk: Chunk, texts: Iterable[str]) -> str:
    sender = chunk.sender
    document = {
        "format": _FORMAT,
        "chunk_id": chunk.chunk_id,
        "project": sender.project,
        "received_at": sender.received_at,
        "source_ip": sender.source_ip,
        "user_agent": sender.user_agent,
        "repeats": chunk.repeats,
    }
    if sender.shared:
        document["shared"] = sender.shared
    if chunk.renewed is not None:
        document["renewed_at"] = timestamps.sortable(chunk.renewed)
    return f'{compact.dump(document)[:-1]},"events":[{",".join(texts)}]}}'


def decode(body: str, *, latest: datetime | None = None) -> Chunk:
    """Return the chunk in a message; the inverse of `encode`. Raises Undecodable if ingestion cannot have sent it.

    `latest`: a chunk that claims to be received, minted or renewed after this time is undecodable.
    """
    from chalicelib.core import chunk_rules  # ingestion does not need it

    try:
        document = chunk_rules.parse(body)
        if document["format"] != _FORMAT:
            raise Undecodable(f"format {document['format']!r:.20} is not known")
        sender = Sender(
            document["project"],
            _time_in(document["received_at"]),
            document["source_ip"],
            document["user_agent"],
            {**document.get("shared", {})},
        )
        renewed = _time_in(document["renewed_at"]) if "renewed_at" in document else None
        events = tuple(chunk_rules.read_event(event) for event in document["events"])
        chunk = Chunk(document["chunk_id"], sender, events, document["repeats"], renewed)
        chunk_rules.check_chunk(chunk, latest)
        if chunk.is_single:
            size = len(compact.dump(_event_to_message(events[0]))) + _shared_size(sender)
            chunk_rules.check_single(chunk, size)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise Undecodable(f"not a chunk: {type(error).__name__}") from error
    return chunk


def _time_in(text: str) -> datetime:
    """Return a time of the message, which must be in the sortable form. Raises ValueError."""
    moment = timestamps.parse(text)
    if timestamps.sortable(moment) != text:
        raise ValueError("not in the sortable form")
    return moment


#: The fields of a stored event: those of the event, and those that ingestion adds.
STORED_FIELDS = (
    *FIELDS,
    Field("received_at", "time"),
    Field("source_ip", "text", is_optional=True),
    Field("user_agent", "text", is_optional=True),
    Field("project", "text"),
    Field("chunk_id", "text"),
)


def stored_form(event: Event, chunk: Chunk) -> dict[str, Any]:
    """Return an event as the table, the archive and the API show it."""
    sender = chunk.sender
    document = event.to_json()
    if sender.shared:
        document["context"] = _context(event.context, sender.shared)
    document["received_at"] = timestamps.readable(sender.received_at)
    if sender.source_ip is not None:
        document["source_ip"] = sender.source_ip
    if sender.user_agent is not None:
        document["user_agent"] = sender.user_agent
    document["project"] = sender.project
    document["chunk_id"] = chunk.chunk_id
    return document


def _context(own: dict[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event's context merged with the batch's shared fields. No value is lost.

    An empty value of the event does not override a shared value. An overridden shared value is stored under `batch`.
    """
    common, batch = shared.get("context", {}), shared.get("batch", {})
    hidden = {}
    if not common.keys().isdisjoint(own):
        own = {name: value for name, value in own.items() if name not in common or value not in (None, "", [], {})}
        hidden = {
            name: common[name] for name in common.keys() & own if compact.dump(common[name]) != compact.dump(own[name])
        }
    context, name = {**common, **own}, "batch"
    if batch or hidden:
        while name in context:
            name += "_"
        context[name] = {**batch, "context": hidden} if hidden else batch
    return context


def _event_to_message(event: Event) -> dict[str, Any]:
    document = event.to_json()
    if not event.is_told_by_its_item:
        document |= {name: True for name in FLAGS if getattr(event, name)}
        if event.own_time is not None:
            document["own_time"] = timestamps.readable(event.own_time)
    return document
