"""The body of an event's item: its stored form, compressed with a dictionary of common text and its own key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from chalicelib.core import compact, timestamps
from chalicelib.core.chunk import Chunk, stored_form
from chalicelib.core.event import Event, EventRef

# Common text of events from web sites and apps, in the words of browsers and the Segment specification. The most
# frequent comes last, where it takes the fewest bits. Never change a byte: every stored body needs this text to be
# read.
# https://segment.com/docs/connections/spec/common/
_COMMON = (
    b'"library":{"name":"analytics.js","version":"","campaign":{"name":"","source":"","medium":"","term":"",'
    b'"content":"","device":{"id":"","manufacturer":"","model":"","type":"","os":{"name":"","app":{"name":"","build":"",'
    b'"network":{"carrier":"","cellular":false,"wifi":true,"location":{"city":"","country":"","latitude":,"longitude":,'
    b'"ip":"","traits":{"email":"@gmail.com","groupId":"","userAgent":"","session":"","product_id":"","sku":"",'
    b'"category":"","name":"","brand":"","quantity":1,"position":1,"value":,"currency":"EUR","order_id":"","total":,'
    b'"query":"","method":"GET","status":200,"protocol":"HTTP/1.1","bytes":,"anonymous_id":"'
    b"(iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 "
    b"(Linux; Android 10; K) (X11; Linux x86_64) (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
    b'"locale":"en-US","timezone":"Europe/","screen":{"width":1920,"height":1080,"density":2},"price":,'
    b'"search":"","title":"","url":"https://www.","path":"/","page":"/","referrer":"https://www.google.com/"},"context":{'
    b'"source_ip":"1","user_agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 '
    b'(KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36","properties":{},"context":{},"received_at":"'
)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event in its stored form. `dumped`: as compact JSON, for the archive and the table."""

    dumped: bytes

    @classmethod
    def of(cls, event: Event, chunk: Chunk) -> Self:
        """Return an event of the chunk in its stored form, which is made once."""
        ref = event.ref
        if ref not in chunk.dumped:
            chunk.dumped[ref] = compact.dump(stored_form(event, chunk)).encode()
        return cls(chunk.dumped[ref])

    def body(self, event: Event, chunk: Chunk) -> bytes:
        """Return the body of the event's item."""
        return pack(self.dumped, chunk.project, event.ref, event.event_type, chunk.chunk_id)


def pack(dumped: bytes, project: str, ref: EventRef, event_type: str, chunk_id: str) -> bytes:
    """Return the body of an event's item. `dumped`: its stored form as JSON."""
    return compact.squeeze(dumped, _known(project, ref, event_type, chunk_id))


def unpack(packed: bytes, project: str, ref: EventRef, event_type: str, chunk_id: str) -> dict[str, Any]:
    """Return the stored form in a body; the inverse of `pack`. The other arguments must be the same."""
    document: dict[str, Any] = compact.unpack(packed, _known(project, ref, event_type, chunk_id))
    return document


def _known(project: str, ref: EventRef, event_type: str, chunk_id: str) -> bytes:
    """Return the compression dictionary of an event. It resembles JSON but escapes nothing, since nobody parses it."""
    time = timestamps.readable(ref.time)
    said = f'{{"project":"{project}","chunk_id":"{chunk_id}"}}{{"event_id":"{ref.event_id}","event_type":"{event_type}"'
    return _COMMON + f'{said},"user_id":"{ref.user}","timestamp":"{time}",'.encode()
