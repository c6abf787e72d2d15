"""Checks a client's event against the schema and all limits of later steps, and returns an `Event`.

It is not part of event.py, since importing marshmallow takes a tenth of a cold start. The processor never needs it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields

from chalicelib.core import clock, compact, limits, timestamps
from chalicelib.core.event import FIELDS, SENT_FIELDS, Event, Field, Rejected, as_id, stable_id, user_of
from chalicelib.core.payload import BadNumber

_AHEAD = timedelta(seconds=limits.MAX_FUTURE_SECONDS)
# An answer repeats at most this many characters of a name that a client made up.
_SHOWN_LENGTH = 60


def _refusal(code: str, message: str) -> ValidationError:
    return ValidationError({"code": code, "message": message})


def _composed(text: str, max_length: int) -> str:
    """Return the text in NFC. A text that is too long in any form is returned unchanged."""
    from chalicelib.core import nfc  # only texts that are not ASCII need it

    if len(text) > 4 * max_length or nfc.shortest(text) > max_length:
        return text
    return nfc.nfc(text)


class Text(fields.Field[str]):
    """A non-empty string in Unicode's NFC, so that a user id is the same however a keyboard composes it."""

    def __init__(self, max_length: int, **options: Any) -> None:
        super().__init__(**options)
        self.max_length = max_length

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        given = as_id(value)
        if given is None:
            raise _refusal("wrong_type", f"{attr} must be a string.")
        text = given if given.isascii() else _composed(given, self.max_length)
        if not text:
            raise _refusal("empty", f"{attr} must not be empty.")
        if len(text) > self.max_length:
            raise _refusal("too_long", f"{attr} has over {self.max_length} characters.")
        return text


class Time(fields.Field[datetime]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> datetime:
        try:
            return timestamps.parse(value)
        except ValueError as error:
            raise _refusal("bad_timestamp", f"{attr}: {error}.") from error


class Object(fields.Field[dict[str, Any]]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _refusal("wrong_type", f"{attr} must be an object.")
        return value


def _declare(row: Field) -> fields.Field[Any]:
    if row.kind == "text":
        return Text(row.max_length, required=row.is_required)
    return Time(required=row.is_required) if row.kind == "time" else Object(required=row.is_required)


class _OpenSchema(Schema):
    """A schema whose undeclared fields become properties."""

    class Meta:
        unknown = INCLUDE


#: The fields that a client may send.
EventSchema = _OpenSchema.from_dict({row.name: _declare(row) for row in SENT_FIELDS}, name="EventSchema")
_DECLARED = EventSchema().fields
# The functions that read one field each. The rest of marshmallow's Schema.load handles defaults, nulls and validators,
# which this schema does not use.
_READERS = [(name, each._deserialize, each.required) for name, each in _DECLARED.items()]  # noqa: SLF001
_OPTIONAL = [(row.name, row.attribute) for row in FIELDS if row.is_optional]


@dataclass(frozen=True, slots=True)
class Shared:
    """The fields that a POST's events share, checked once.

    `content`: a hash of these fields. It is a part of generated event ids. `refusal`: why the fields are invalid. Then
    every event of the POST is rejected.
    """

    size: int = 0
    content: tuple[str, ...] = ()
    refusal: Rejected | None = None

    @classmethod
    def of(cls, context: Mapping[str, Any]) -> Shared:
        if not context:
            return NOTHING
        try:
            _check_values(dict(context), depth=1)
            return cls(_size_of(context), (stable_id(_as_json(_without_times_of_sending(context))),))
        except Rejected as refusal:
            return cls(refusal=refusal)


NOTHING = Shared()


def _without_times_of_sending(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the shared fields that stay the same when a library sends a batch again."""
    batch = context.get("batch", {})
    return {**context, "batch": {name: said for name, said in batch.items() if name not in ("sentAt", "sent_at")}}


def read_event(
    raw: Any,
    *,
    received: datetime,
    idempotency_key: str | None = None,
    seen: Counter[str],
    random_id: str,
    content_secret: str | None = None,
    sent: datetime | None = None,
    counts_from_receipt: bool = False,
    user_may_change: bool = False,
    sole_id: bool = False,
    tolerates_time: bool = False,
    shared: Shared = NOTHING,
    content: Any = None,
    max_bytes: int = limits.MAX_EVENT_BYTES,
) -> Event:
    """Return the event in `raw`, complete and within all later limits. Raises Rejected.

    `sent`: when the client sent the event, by the client's clock (clock.py). An absurd time is noted in the context.
    `counts_from_receipt`: the timestamp is derived from the time of receipt.
    `user_may_change`: the library may name another user in a retry. Then the anonymous id identifies the event, if it
    has both ids.
    `sole_id`: an event_id from the client is unique in the project.
    `tolerates_time`: if the timestamp is unreadable or in the future, the event gets the time of receipt. The dialect
    has noted the timestamp elsewhere.
    `content`: the part of the event that a retry repeats, if that is not all of `raw`.
    `seen`: counts equal contents in one POST, so that they get different ids.
    `content_secret`: the key of content hashes, if a hash must not reveal the content.

    An event without an id gets an id. If there is an `idempotency_key`, the id is a hash of the key and the event's
    content. Otherwise, if the event has a timestamp, the id is a hash of the content. Otherwise, it is `random_id`. So
    every event that a retry can repeat is recognised.
    """
    if shared.refusal:
        raise shared.refusal
    fields = _load_timed(raw, shared.size, max_bytes, tolerates_time=tolerates_time)
    own: datetime | None = fields.get("timestamp")
    time, is_absurd = _time(own, sent, received, tolerates_time=tolerates_time)
    event_id: str | None = fields.get("event_id")
    id_from: tuple[str, ...] = ("event_id",)
    if event_id is None:
        made_of = [*shared.content, *([content_secret] if content_secret else [])]
        if idempotency_key:
            made_of, id_from = [*made_of, "key", idempotency_key], ("Idempotency-Key", "content")
        else:
            id_from = ("content",) if own is not None else ()
        event_id = _content_id(content or raw, seen, *made_of) if id_from else random_id
    guarded = bool(id_from) and (own is None or counts_from_receipt)
    optional = {}
    for name, attribute in _OPTIONAL:
        if name in fields:
            optional[attribute] = _as_kept(fields[name])
    return Event(
        event_id=event_id,
        event_type=fields["event_type"],
        time=timestamps.sortable(time),
        properties=_gather_properties(fields),
        context=_with_note(fields.get("context", {}), sent if is_absurd else None),
        guarded=guarded,
        own_time=None if own in (None, time) or guarded else timestamps.sortable(own),
        user_may_change=user_may_change and {"user_id", "anonymous_id"} <= optional.keys(),
        sole_id=sole_id and "event_id" in fields,
        id_from=id_from,
        **optional,
    )


def _as_kept(value: Any) -> Any:
    return timestamps.sortable(value) if isinstance(value, datetime) else value


def _time(
    own: datetime | None, sent: datetime | None, received: datetime, *, tolerates_time: bool
) -> tuple[datetime, bool]:
    """Return when the event happened, and whether the time of sending was absurd. Raises Rejected."""
    if own is None:
        return received, False
    time, is_absurd = clock.correct(own, sent, received)
    if time <= received + _AHEAD:
        return time, is_absurd
    if not tolerates_time:
        raise Rejected("timestamp_in_future", "timestamp is more than a day ahead.", "timestamp")
    return received, False


def _load_timed(raw: Any, shared_size: int, max_bytes: int, *, tolerates_time: bool) -> dict[str, Any]:
    """Return the fields of an event. With `tolerates_time`, drop an unreadable timestamp. Raises Rejected."""
    try:
        return _load(raw, shared_size, max_bytes)
    except Rejected as reason:
        if not (tolerates_time and reason.field == "timestamp"):
            raise
        return _load({**raw, "timestamp": None}, shared_size, max_bytes)


def _with_note(context: dict[str, Any], ignored: datetime | None) -> dict[str, Any]:
    """Return the context with the ignored time of sending as `ignored_sent_at`, unless it has such a field already."""
    return context if ignored is None else {"ignored_sent_at": timestamps.readable_of(ignored), **context}


def _content_id(raw: Any, seen: Counter[str], *more: str) -> str:
    content = stable_id(_as_json(raw), *more)
    seen[content] += 1
    return stable_id(content, str(seen[content]))


def _load(raw: Any, shared_size: int, max_bytes: int) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise Rejected("not_an_object", "An event must be a JSON object.")
    _check_values(raw, depth=1)
    if _size_of(raw) + shared_size > max_bytes:
        raise Rejected(
            "too_large", f"Together with the shared fields of its batch, an event may have at most {max_bytes} bytes."
        )
    sent = _check_fields(raw)
    if user_of(sent) is None:
        raise Rejected("missing_field", "user_id or anonymous_id is required.", "user_id")
    return sent


def _check_fields(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an event as the schema reads them. The first invalid field raises Rejected.

    Schema.load would also collect the other errors, at three times the CPU.
    """
    sent = raw.copy()
    for name, read, is_required in _READERS:
        value = raw.get(name)
        if value is not None:
            try:
                sent[name] = read(value, name, raw)
            except ValidationError as error:
                reason: Any = error.messages
                raise Rejected(reason["code"], reason["message"], name) from error
        elif is_required:
            raise Rejected("missing_field", f"{name} is required.", name)
        else:  # many clients send a null id, time or object for "none"
            sent.pop(name, None)
    return sent


def _gather_properties(sent: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = sent.get("properties", {})
    if sent.keys() <= _DECLARED.keys():
        return properties
    properties = properties.copy()
    for name, value in sent.items():
        if name in _DECLARED:
            continue
        if name in properties and _as_json(properties[name]) != _as_json(value):
            shown = name[:_SHOWN_LENGTH]
            raise Rejected("ambiguous_field", f"{shown} is given twice, with different values.", shown)
        properties[name] = value
    return properties


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)  # in Python, True equals 1


def _check_values(container: dict[str, Any] | list[Any], depth: int) -> None:
    if depth > limits.MAX_DEPTH:
        raise Rejected("too_deep", f"An event nests at most {limits.MAX_DEPTH} levels.")
    child: Any
    for child in container.values() if isinstance(container, dict) else container:
        kind = type(child)  # the JSON parser makes no subclasses
        if kind is dict or kind is list:
            _check_values(child, depth + 1)
        elif kind is BadNumber:
            raise Rejected("bad_number")


def check_kept(event: Event, max_bytes: int) -> None:
    """Raise Rejected if an event became too large when its ids were replaced by hashes."""
    if _size_of(event.to_json()) > max_bytes:
        raise Rejected(
            "too_large",
            "The project's privacy settings replace ids in the event. "
            f"With the new ids, it may have at most {max_bytes} bytes.",
        )


def _size_of(document: Mapping[str, Any]) -> int:
    """Return the size of a document as JSON, in bytes. Raises Rejected if a text has half of a surrogate pair."""
    try:
        return compact.size(document)
    except UnicodeEncodeError as error:
        raise Rejected("bad_text") from error
