"""What commits have left behind, of the fakes or of a stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from builders import World
from chalicelib.core.chunk import Chunk
from chalicelib.core.commit import CommitRecord
from stage import Stage

Stores = World | Stage


def counts_of(stores: Stores, project: str = "acme") -> Counter[tuple[str, str]]:
    """All counters of a project: (minute, event type) to events. The log may split a counter."""
    sums: Counter[tuple[str, str]] = Counter()
    for counter in stores.counters.of_days(project, stores.counters.days(project)):
        for minute, count in counter.minutes.items():
            sums[f"{counter.hour}:{minute}", counter.event_type] += count
    return sums


def committed(stores: Stores, *chunks: Chunk) -> set[str]:
    return {chunk_id for _, chunk_id in stores.commits.committed([(each.project, each.chunk_id) for each in chunks])}


def hours_touched(stores: Stores) -> set[tuple[str, str]]:
    return {(mark.project, mark.hour) for mark in stores.marks.all()}


def records_of(stores: Stores, hour: str, project: str = "acme") -> list[CommitRecord]:
    """The commit records of an hour, newest place first."""
    day, hour_of_day = hour.split("T")
    return list(stores.commits.newest(project, day, first=hour_of_day, after=f"{hour_of_day}~"))


def by_id(records: Sequence[CommitRecord]) -> list[CommitRecord]:
    return sorted(records, key=lambda record: record.chunk_id)
