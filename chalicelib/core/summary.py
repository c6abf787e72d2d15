"""Packs the events of a commit record into columns, with ids as bytes.

Size matters: an item is billed by the KB. A transaction doubles the price, and reports read the item again.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from os.path import commonprefix
from typing import Any, NamedTuple

from chalicelib.core import compact
from chalicelib.core.event import EventRef

ByType = dict[str, list[EventRef]]
ValueCounts = dict[str, dict[str, int]]

# The ids that clients and ingestion generate. An id with other characters or another length is stored as text.
_HEX = re.compile("[0-9a-f]{32}")
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class RecordSums(NamedTuple):
    """The sums of a commit record: events by type, the user of each event, value counts, and the number of erased
    events.
    """

    types: Mapping[str, int]
    users: Iterable[str]
    value_counts: Mapping[str, Mapping[str, int]]
    erased: int = 0


def pack(by_type: ByType, value_counts: ValueCounts) -> bytes:
    """Return the compressed columns. If all ids are hex or UUIDs, 16 bytes for each id follow."""
    columns, raw_ids = _columns(by_type, value_counts)
    return compact.squeeze(columns.encode()) + raw_ids


def most_bytes(by_type: ByType, value_counts: ValueCounts) -> int:
    """Return an upper bound of the size of `pack`'s result, for the case that nothing can be compressed."""
    columns, raw_ids = _columns(by_type, value_counts)
    return len(columns) + len(columns) // 1000 + 64 + len(raw_ids)


def unpack(packed: bytes) -> tuple[ByType, ValueCounts]:
    """Return events and value counts; the inverse of `pack`."""
    stream = zlib.decompressobj()
    counts, times, users, form, ids, value_counts = json.loads(stream.decompress(packed))
    ids = _unfold(ids) if form == "text" else _ids_of(stream.unused_data, form)
    refs = iter(list(map(EventRef, _unfold(times), _unfold(users), ids)))
    return {event_type: [next(refs) for _ in range(count)] for event_type, count in counts.items()}, value_counts


def unpack_sums(packed: bytes, *, erased: int) -> RecordSums:
    """Return the sums that a report needs, without building the events."""
    types, _, users, _, _, value_counts = json.loads(zlib.decompressobj().decompress(packed))
    return RecordSums(types, _unfold(users), value_counts, erased)


def _columns(by_type: ByType, value_counts: ValueCounts) -> tuple[str, bytes]:
    """Return the columns as JSON, and the bytes of the ids if all are hex or UUIDs."""
    refs = [ref for refs in by_type.values() for ref in refs]
    ids = [ref.event_id for ref in refs]
    form = "hex" if all(map(_HEX.fullmatch, ids)) else "uuid" if all(map(_UUID.fullmatch, ids)) else "text"
    raw_ids = b"" if form == "text" else bytes.fromhex("".join(ids).replace("-", ""))
    document = [
        {event_type: len(refs) for event_type, refs in by_type.items()},
        _fold([ref.time for ref in refs]),
        _fold([ref.user for ref in refs]),
        form,
        _fold(ids) if form == "text" else [],
        value_counts,
    ]
    return compact.dump(document), raw_ids


def _ids_of(raw: bytes, form: str) -> list[str]:
    ids = [raw[start : start + 16].hex() for start in range(0, len(raw), 16)]
    if form == "hex":
        return ids
    return [f"{each[:8]}-{each[8:12]}-{each[12:16]}-{each[16:20]}-{each[20:]}" for each in ids]


def _fold(values: Sequence[str]) -> list[str]:
    """Return the common start of all values, their common end, and the rest of each."""
    start = commonprefix(values)  # noqa: RUF071 - characters, no parts of a path
    rest = [value[len(start) :] for value in values]
    end = commonprefix([each[::-1] for each in rest])[::-1]  # noqa: RUF071
    return [start, end, *(each[: len(each) - len(end)] for each in rest)]


def _unfold(folded: list[Any]) -> list[str]:
    start, end, *rest = folded
    return [f"{start}{each}{end}" for each in rest]
