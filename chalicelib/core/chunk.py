"""A chunk: the accepted events of one POST that share an hour; one queue message, one commit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from chalicelib.core import compact, lifetimes, limits, timestamps
from chalicelib.core.chunk_id import hour_of, minted_at, owner_of, single_id
from chalicelib.core.event import FIELDS, FLAGS, Event, Field
from chalicelib.core.windows import HOUR, MINUTE
from chalicelib.errors import Undecodable

_FORMAT = 3


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a POST and when: the enrichment that its events share.

    `shared`: what an envelope says once for all of them. Its `context` is the context of each event where that has no
    entry of its own; its `batch`, and what it has in vain, is in the context as `batch`.
    """

    project: str
    received: datetime
    source_ip: str | None = None
    user_agent: str | None = None
    shared: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def received_at(self) -> str:
        """When, in the sortable form."""
        return _in_utc(self.received)


@lru_cache(maxsize=2048)  # asked for each event of a chunk
def _in_utc(moment: datetime) -> str:
    return timestamps.sortable(moment)


@dataclass(frozen=True, slots=True)
class Chunk:
    """`repeats` counts identities that came again in the same POST: accepted, and duplicates from birth.

    `renewed`: when an operator sent it again although it was older than the maximum chunk age.
    A *single* is a chunk of one small event of these days, whose item is at once the commit record. It is stamped
    on its chunk_id, which holds the key of the event: whether a chunk is a single is never decided anew.
    """

    chunk_id: str
    sender: Sender
    events: tuple[Event, ...]
    repeats: int = 0
    renewed: datetime | None = None

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
        """Whether the first event is too old to be a single."""
        return self.minted - timestamps.parse(self.events[0].time) > lifetimes.MAX_SINGLE_AGE

    @property
    def age_counts_from(self) -> datetime:
        """What the maximum chunk age measures from."""
        return self.renewed or self.minted


def pack(
    events: Iterable[Event], *, sender: Sender, repeats: dict[str, int], mint: Callable[[str], str]
) -> list[tuple[Chunk, str]]:
    """Cut the events of one POST into chunks that one commit can always take, oldest hour first, each with
    its message body.

    `repeats`: how many repeated identities were dropped, by hour; `mint` makes the chunk_id for a minute.
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
    """The chunk, as a single where that pays. `size`: that of its first event."""
    event = chunk.events[0]
    is_large = size > limits.MAX_SINGLE_BYTES
    if chunk.accepted > 1 or not event.is_told_by_its_item or is_large or chunk.is_old_for_single:
        return chunk
    chunk_id = single_id(chunk.chunk_id, event.ref)
    return replace(chunk, chunk_id=chunk_id) if len(chunk_id) <= limits.MAX_SINGLE_ID else chunk


def _cut(events: list[Event], shared_size: int) -> Iterable[tuple[list[Event], list[str]]]:
    """Groups that each fit a chunk, with their events as texts. What events share counts in each, as in the table."""
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
    """The message body: JSON in ASCII, since SQS refuses or replaces some characters."""
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
    """The inverse of `encode`, of a message that says what ingestion could have said. Raises Undecodable.

    `latest`: a chunk that was received, minted or renewed later is not believed.
    """
    from chalicelib.core import chunk_rules  # which ingestion does not need

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
    """A time of the envelope, which comes in the sortable form. Raises ValueError."""
    moment = timestamps.parse(text)
    if timestamps.sortable(moment) != text:
        raise ValueError("not in the sortable form")
    return moment


#: The stored form of an event: its own fields, and what we know of it.
STORED_FIELDS = (
    *FIELDS,
    Field("received_at", "time"),
    Field("source_ip", "text", is_optional=True),
    Field("user_agent", "text", is_optional=True),
    Field("project", "text"),
    Field("chunk_id", "text"),
)


def stored_form(event: Event, chunk: Chunk) -> dict[str, Any]:
    """An event as the table, the archive and the API know it."""
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
    """An event's context with what its envelope says, of which nothing is lost. What says nothing hides nothing."""
    common, batch = shared.get("context", {}), shared.get("batch", {})
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
