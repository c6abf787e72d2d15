"""A summary: what the commit records of an hour say in sum, before a report is cut from it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core import compact
from chalicelib.core.commit import CommitRecord


@dataclass(frozen=True, slots=True)
class HourSummary:
    """Events by type, all users, and how often each value of each reported property occurred."""

    types: Counter[str] = field(default_factory=Counter)
    users: set[str] = field(default_factory=set)
    value_counts: dict[str, Counter[str]] = field(default_factory=dict)


def of(records: Iterable[CommitRecord]) -> HourSummary:
    """The same records give the same summary in whatever order they come."""
    summary = HourSummary()
    for record in records:
        for event in record.owned:
            summary.types[event.event_type] += 1
            summary.users.add(event.ref.user)
        _add(summary, record.value_counts)
    return summary


def merge(summaries: Iterable[HourSummary]) -> HourSummary:
    """The summary of all records that the given ones, of different records, are made of."""
    merged = HourSummary()
    for summary in summaries:
        merged.types.update(summary.types)
        merged.users.update(summary.users)
        _add(merged, summary.value_counts)
    return merged


def _add(summary: HourSummary, value_counts: dict[str, Any]) -> None:
    for name, counts in value_counts.items():
        summary.value_counts.setdefault(name, Counter()).update(counts)


def fingerprint(summary: HourSummary) -> str:
    """Equal for equal summaries alone; 128 bits in hex."""
    return hashlib.blake2b(compact.dump(_document(summary)).encode(), digest_size=16).hexdigest()


def pack(summary: HourSummary) -> bytes:
    return compact.pack(_document(summary))


def unpack(packed: bytes) -> HourSummary:
    """The inverse of `pack`."""
    types, users, value_counts = compact.unpack(packed)
    return HourSummary(Counter(types), set(users), {name: Counter(counts) for name, counts in value_counts.items()})


def _document(summary: HourSummary) -> list[Any]:
    value_counts = {name: dict(sorted(counts.items())) for name, counts in sorted(summary.value_counts.items())}
    return [dict(sorted(summary.types.items())), sorted(summary.users), value_counts]
