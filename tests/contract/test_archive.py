"""The archive: what was written is there, whole, under a name of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from builders import NOW, read_lines
from chalicelib.errors import StoreFailed
from chalicelib.ports import Archive
from fakes import FakeArchive
from stage import Stage

Shelf = tuple[Archive, Callable[[], dict[str, bytes]]]


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


LINES = [
    pytest.param([{"event_id": "e1"}], id="one"),
    pytest.param([{"event_id": f"e{number}"} for number in range(3000)], id="many"),
    pytest.param([{"page": "/ä\U0001f600\r\n\u2028#"}], id="unicode"),
]


@pytest.mark.parametrize("events", LINES)
def test_written_events_are_read_back_one_a_line_from_the_named_object(shelf: Shelf, events: list[dict]) -> None:
    archive, read_all = shelf
    name = archive.write_events((json.dumps(event).encode() for event in events), NOW)
    objects = read_all()
    assert set(objects) == {name}
    assert read_lines(objects[name]) == events


def test_events_lie_in_the_partition_of_the_hour_in_which_they_were_written(shelf: Shelf) -> None:
    archive, _ = shelf
    assert archive.write_events([b"{}"], NOW).startswith("events/date=2015-05-17/hour=10/")
    assert archive.write_events([b"{}"], NOW + timedelta(hours=14)).startswith("events/date=2015-05-18/hour=00/")


def test_the_same_lines_written_again_get_a_fresh_name_and_leave_the_first(shelf: Shelf) -> None:
    archive, read_all = shelf
    names = [archive.write_events([b'{"event_id":"e1"}'], NOW) for _ in range(5)]
    assert len(set(names)) == 5
    assert set(read_all()) == set(names)


def test_each_version_of_a_report_is_an_object(shelf: Shelf) -> None:
    archive, read_all = shelf
    archive.write_report("acme", "hour", "2015-05-17T10", 1, '{"version":1}')
    archive.write_report("acme", "hour", "2015-05-17T10", 2, '{"version":2,"top":"ä"}')
    archive.write_report("acme", "day", "2015-05-17", 1, '{"grain":"day"}')
    assert {name: body.decode() for name, body in read_all().items()} == {
        "reports/project=acme/grain=hour/2015-05-17T10/v1.json": '{"version":1}',
        "reports/project=acme/grain=hour/2015-05-17T10/v2.json": '{"version":2,"top":"ä"}',
        "reports/project=acme/grain=day/2015-05-17/v1.json": '{"grain":"day"}',
    }


def test_writing_a_report_or_a_quarantined_chunk_again_replaces_it(shelf: Shelf) -> None:
    archive, read_all = shelf
    for content in ("once", "again"):
        archive.write_report("acme", "day", "2015-05-17", 1, content)
        assert archive.write_quarantined("some-chunk", content) == "quarantine/some-chunk.json"
    assert read_all() == {
        "reports/project=acme/grain=day/2015-05-17/v1.json": b"again",
        "quarantine/some-chunk.json": b"again",
    }


def test_a_quarantined_message_is_read_back_until_it_is_deleted(shelf: Shelf) -> None:
    archive, read_all = shelf
    name = archive.write_quarantined("undecodable/some-message", "hellö")
    assert archive.read_quarantined(name) == "hellö"
    archive.delete_quarantined(name)
    archive.delete_quarantined(name)
    assert read_all() == {}
    with pytest.raises(StoreFailed):
        archive.read_quarantined(name)


def test_objects_are_found_from_a_day_of_processing_on_and_oldest_first(shelf: Shelf) -> None:
    archive, _ = shelf
    archive.write_report("acme", "day", "2015-05-17", 1, "{}")
    names = [archive.write_events([b"{}"], NOW + timedelta(days=days)) for days in (1, -1, 0)]
    assert [each.name for each in archive.find_events()] == [names[1], names[2], names[0]]
    assert [each.name for each in archive.find_events("2015-05-17")] == [names[2], names[0]]
    assert list(archive.find_events("2015-05-19")) == []
    assert all(each.modified.tzinfo is not None for each in archive.find_events())


def test_lines_are_read_as_they_were_written(shelf: Shelf) -> None:
    archive, _ = shelf
    name = archive.write_events([b'{"a":1}', b'{"b":2}'], NOW)
    content = archive.read_events(name)
    assert content is not None
    assert content.lines == [b'{"a":1}', b'{"b":2}']
    assert archive.read_events(name + "x") is None


@pytest.mark.parametrize("left", [[b'{"b":2}'], []])
def test_an_object_is_rewritten_under_its_name(shelf: Shelf, left: list[bytes]) -> None:
    archive, read_all = shelf
    name = archive.write_events([b'{"a":1}', b'{"b":2}'], NOW)
    content = archive.read_events(name)
    assert content is not None
    assert archive.rewrite_events(name, left, content.etag)
    again = archive.read_events(name)
    assert again is not None
    assert again.lines == left
    assert set(read_all()) == {name}


def test_an_object_that_moved_on_since_it_was_read_is_not_rewritten(shelf: Shelf) -> None:
    archive, _ = shelf
    name = archive.write_events([b'{"a":1}', b'{"b":2}'], NOW)
    content = archive.read_events(name)
    assert content is not None
    assert archive.rewrite_events(name, [b'{"b":2}'], content.etag)
    assert not archive.rewrite_events(name, [b'{"a":1}'], content.etag)
    again = archive.read_events(name)
    assert again is not None
    assert again.lines == [b'{"b":2}']


def test_a_deleted_object_is_gone_and_neither_comes_back_nor_can_be_deleted_wrongly(shelf: Shelf) -> None:
    archive, read_all = shelf
    name = archive.write_events([b'{"a":1}'], NOW)
    content = archive.read_events(name)
    assert content is not None
    archive.delete_events(name)
    archive.delete_events(name)
    assert not archive.rewrite_events(name, [], content.etag)
    assert (read_all(), list(archive.find_events())) == ({}, [])
