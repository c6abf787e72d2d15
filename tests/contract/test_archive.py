"""The archive: what was written is there, whole, under a name of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

import pytest

from builders import NOW
from chalicelib.adapters import archive as archive_adapter
from chalicelib.core.event_body import StoredEvent
from chalicelib.errors import StoreFailed
from chalicelib.ports import Archive
from fakes import FakeArchive
from stage import Stage

Shelf = tuple[Archive, Callable[[], Collection[str]]]


@pytest.fixture
def shelf(backend: Stage | None) -> Shelf:
    """An archive, and how to read everything in it."""
    if backend is None:
        archive = FakeArchive()
        return archive, lambda: archive.objects
    s3, bucket = backend.clients.s3, backend.settings.bucket_name

    def read_all() -> dict[str, bytes]:
        names = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return {name: s3.get_object(Bucket=bucket, Key=name)["Body"].read() for name in names}

    return backend.archive, read_all


EMPTY, A, B = StoredEvent(b"{}"), StoredEvent(b'{"a":1}'), StoredEvent(b'{"b":2}')
LINES = [
    pytest.param([{"event_id": "e1"}], id="one"),
    pytest.param([{"event_id": f"e{number}"} for number in range(3000)], id="many"),
    pytest.param([{"page": "/ä\U0001f600\r\n\u2028#"}], id="unicode"),
]


@pytest.mark.parametrize("events", LINES)
def test_written_events_are_read_back_from_the_named_object(shelf: Shelf, events: list[dict[str, Any]]) -> None:
    archive, read_all = shelf
    name = archive.write((StoredEvent(json.dumps(event).encode()) for event in events), NOW)
    assert set(read_all()) == {name}
    content = archive.read(name)
    assert content is not None
    assert [json.loads(event.dumped) for event in content.events] == events


def test_events_lie_in_the_partition_of_the_hour_in_which_they_were_written(shelf: Shelf) -> None:
    archive, _ = shelf
    assert archive.write([EMPTY], NOW).startswith("events/date=2015-05-17/hour=10/")
    assert archive.write([EMPTY], NOW + timedelta(hours=14)).startswith("events/date=2015-05-18/hour=00/")


def test_the_same_lines_written_again_get_a_fresh_name_and_leave_the_first(shelf: Shelf) -> None:
    archive, read_all = shelf
    names = [archive.write([A], NOW) for _ in range(5)]
    assert len(set(names)) == 5
    assert set(read_all()) == set(names)


def test_objects_are_found_from_a_day_of_processing_on_and_oldest_first(shelf: Shelf) -> None:
    archive, _ = shelf
    names = [archive.write([EMPTY], NOW + timedelta(days=days)) for days in (1, -1, 0)]
    assert [each.name for each in archive.find()] == [names[1], names[2], names[0]]
    assert [each.name for each in archive.find("2015-05-17")] == [names[2], names[0]]
    assert list(archive.find("2015-05-19")) == []
    assert all(each.modified.tzinfo is not None for each in archive.find())


def test_events_are_read_as_they_were_written(shelf: Shelf) -> None:
    archive, _ = shelf
    name = archive.write([A, B], NOW)
    content = archive.read(name)
    assert content is not None
    assert content.events == [A, B]
    assert archive.read(name + "x") is None


@pytest.mark.parametrize("left", [[B], []])
def test_an_object_is_rewritten_under_its_name(shelf: Shelf, left: list[StoredEvent]) -> None:
    archive, read_all = shelf
    name = archive.write([A, B], NOW)
    content = archive.read(name)
    assert content is not None
    assert archive.rewrite(name, left, content.etag)
    again = archive.read(name)
    assert again is not None
    assert again.events == left
    assert set(read_all()) == {name}


def test_an_object_that_moved_on_since_it_was_read_is_not_rewritten(shelf: Shelf) -> None:
    archive, _ = shelf
    name = archive.write([A, B], NOW)
    content = archive.read(name)
    assert content is not None
    assert archive.rewrite(name, [B], content.etag)
    assert not archive.rewrite(name, [A], content.etag)
    again = archive.read(name)
    assert again is not None
    assert again.events == [B]


def test_a_deleted_object_is_gone_and_neither_comes_back_nor_can_be_deleted_wrongly(shelf: Shelf) -> None:
    archive, read_all = shelf
    name = archive.write([A], NOW)
    content = archive.read(name)
    assert content is not None
    archive.delete(name)
    archive.delete(name)
    assert not archive.rewrite(name, [], content.etag)
    assert (read_all(), list(archive.find())) == ({}, [])


DAMAGED = [StoredEvent(line) for line in (b"not json", b'{"cut', b"", b"\xff\x00", b"a\rb\r")]


def test_damaged_events_are_read_with_their_neighbours_and_survive_a_rewriting_byte_by_byte(shelf: Shelf) -> None:
    archive, _ = shelf
    name = archive.write([A, *DAMAGED, B], NOW)
    content = archive.read(name)
    assert content is not None
    assert content.events == [A, *DAMAGED, B]
    assert archive.rewrite(name, content.events[1:], content.etag)
    again = archive.read(name)
    assert again is not None
    assert again.events == [*DAMAGED, B]


@pytest.mark.parametrize("body", [b"not gzip", archive_adapter.pack([A])[:-9]], ids=["no gzip", "cut"])
def test_an_object_that_is_not_gzip_is_named_and_not_taken_for_an_empty_one(stage: Stage, body: bytes) -> None:
    name = "events/date=2015-05-17/hour=10/damaged.jsonl.gz"
    stage.clients.s3.put_object(Bucket=stage.settings.bucket_name, Key=name, Body=body)
    with pytest.raises(StoreFailed, match=name):
        stage.archive.read(name)
