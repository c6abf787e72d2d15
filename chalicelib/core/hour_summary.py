"""An hour summary: the sum of the commit records of an hour. Reports are made from it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core import compact
from chalicelib.core.commit import CommitRecord
from chalicelib.core.summary import RecordSums


@dataclass(frozen=True, slots=True)
class HourSummary:
    """Events by type, all users, and how often each value of each reported property occurred.

    `erased`: the number of events that the records have lost to erasures.
    """

    types: Counter[str] = field(default_factory=Counter)
    users: set[str] = field(default_factory=set)
    value_counts: dict[str, Counter[str]] = field(default_factory=dict)
    erased: int = 0


def of(records: Iterable[CommitRecord]) -> HourSummary:
    """Return the summary of records. Their order does not matter."""
    return fold(map(sums_of, records))


def sums_of(record: CommitRecord) -> RecordSums:
    types = Counter(event.event_type for event in record.owned)
    return RecordSums(types, [event.ref.user for event in record.owned], record.value_counts, record.erased)


def fold(records: Iterable[RecordSums]) -> HourSummary:
    """Return the summary of records, which are read one by one, so that only their sums are in memory."""
    types, users, value_counts, erased = Counter[str](), set[str](), dict[str, Counter[str]](), 0
    for record in records:
        types.update(record.types)
        users.update(record.users)
        _add(value_counts, record.value_counts)
        erased += record.erased
    return HourSummary(types, users, value_counts, erased)


def merge(summaries: Iterable[HourSummary]) -> HourSummary:
    """Return the sum of summaries, which must be made of different records."""
    return fold(RecordSums(each.types, each.users, each.value_counts, each.erased) for each in summaries)


def _add(sums: dict[str, Counter[str]], value_counts: Mapping[str, Mapping[str, int]]) -> None:
    for name, counts in value_counts.items():
        sums.setdefault(name, Counter()).update(counts)


def fingerprint(summary: HourSummary) -> str:
    """Return a hash that is equal only for equal summaries; 128 bits in hex."""
    return hashlib.blake2b(compact.dump(_document(summary)).encode(), digest_size=16).hexdigest()


def pack(summary: HourSummary) -> bytes:
    return compact.pack(_document(summary))


def unpack(packed: bytes) -> HourSummary:
    """Return the summary that `pack` has packed."""
    types, users, value_counts, erased = compact.unpack(packed)
    by_name = {name: Counter(counts) for name, counts in value_counts.items()}
    return HourSummary(Counter(types), set(users), by_name, erased)


def _document(summary: HourSummary) -> list[Any]:
    value_counts = {name: dict(sorted(counts.items())) for name, counts in sorted(summary.value_counts.items())}
    return [dict(sorted(summary.types.items())), sorted(summary.users), value_counts, summary.erased]
