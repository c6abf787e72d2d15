"""From lines to events: the same file gives the same events, and a bad line costs only itself."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from millrace.io.lines import Line, read_lines
from millrace.io.reading import LineEvent, read_events

GOOD = b'{"event_type": "a", "user_id": "u"}'
LOG = b'192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5 "-" "-"'


def read(
    *lines: bytes, format_name: str = "auto", source: str | None = None, is_ended: bool = True
) -> tuple[list[dict[str, Any]], list[tuple[int, str]]]:
    reports: list[tuple[int, str]] = []
    numbered = [Line(number, content, "", is_ended) for number, content in enumerate(lines, 1)]
    events = read_events(numbered, format_name, lambda *report: reports.append(report), source=source)
    return [event.event for event in events], reports


def ids(*lines: bytes, source: str | None = None) -> list[str]:
    return [event["event_id"] for event in read(*lines, source=source)[0]]


def test_reading_again_gives_the_same_ids_and_equal_lines_stay_apart() -> None:
    other = GOOD.replace(b'"u"', b'"v"')
    first = ids(GOOD, GOOD, other, LOG, LOG)
    assert first == ids(GOOD, GOOD, other, LOG, LOG)
    assert len(set(first)) == 5
    assert ids(other, GOOD, LOG) == [first[2], first[0], first[3]]


def test_equal_lines_of_two_servers_are_told_apart_by_their_source() -> None:
    of_one, of_other, of_none = ids(LOG, source="web1"), ids(LOG, source="web2"), ids(LOG)
    assert len({*of_one, *of_other, *of_none}) == 3
    assert of_one == ids(LOG, source="web1")


def test_an_events_own_id_is_kept_whatever_the_source() -> None:
    assert ids(b'{"event_id": "mine"}', source="web1") == ["mine"]
    assert ids(b'{"event_id": null}') != [None]


def test_an_event_has_the_text_that_is_sent() -> None:
    (line,) = read_events([Line(7, GOOD)], "json", lambda *_: None)
    assert isinstance(line, LineEvent)
    assert (line.number, json.loads(line.text)) == (7, line.event)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"not json", "not a line of an access log"),
        (b"{not json", "not JSON: Expecting property name enclosed in double quotes at column 2"),
        (b"[{}]", "a JSON array"),
        (b"5", "not a line"),
        (b"null", "not a line"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": ' + b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 990 + b"1" + b"}" * 990, "nested too deep"),
        (b'{"a": ' + b"9" * 4301 + b"}", "4300 digits"),
        (b'{"a": "' + "é".encode() * 1_000_000 + b'"}', "too long"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": -Infinity}', "-Infinity is not JSON"),
        (b'{"a": 1e400}', "too large for a number"),
    ],
    ids=lambda value: str(value[:20]),
)
def test_an_unreadable_line_costs_only_itself_and_is_reported_by_number(line: bytes, fault: str) -> None:
    events, reports = read(GOOD, line, LOG)
    assert [event["event_type"] for event in events] == ["a", "page_view"]
    ((number, said),) = reports
    assert number == 2
    assert fault in said


def test_a_line_that_could_not_be_read_whole_is_reported_and_not_sent() -> None:
    reports: list[tuple[int, str]] = []
    lines = [Line(1, GOOD), Line(2, GOOD, "too long")]
    assert len(list(read_events(lines, "auto", lambda *report: reports.append(report)))) == 1
    assert reports == [(2, "too long")]


@pytest.mark.parametrize(("format_name", "line"), [("json", LOG), ("combined", GOOD)])
def test_a_file_in_another_format_than_was_said_is_told_which_option_is_right(format_name: str, line: bytes) -> None:
    events, ((_, said),) = read(line, format_name=format_name)
    assert events == []
    assert "leave out --format" in said


def test_a_byte_that_is_not_utf_8_is_written_in_a_log_as_apache_writes_it() -> None:
    (event,), reports = read(LOG.replace(b"GET /", b"GET /caf\xe9"))
    assert reports == []
    assert event["properties"]["path"] == r"/caf\xe9"


@pytest.mark.parametrize("cut", [b'"GET /index', b'"-" "Mozilla/5', b'"-" "Mozilla \\"5'])
def test_a_request_that_its_file_has_only_begun_waits_for_the_next_time(cut: bytes) -> None:
    begun = LOG[: LOG.index(b'"GET')] + cut if cut.startswith(b'"GET') else LOG[: LOG.index(b'"-"')] + cut
    events, ((number, _),) = read(begun, is_ended=False)
    assert (events, number) == ([], 1)


@pytest.mark.parametrize("line", [LOG, GOOD, LOG.removesuffix(b' "-" "-"')])
def test_a_last_line_without_a_newline_is_a_line(line: bytes) -> None:
    assert len(read(line, is_ended=False)[0]) == 1


def test_a_real_log_is_read_without_naming_its_format() -> None:
    log = Path(__file__).parents[2] / "examples" / "access.log.gz"
    lines = gzip.decompress(log.read_bytes()).splitlines()
    with log.open("rb") as file:
        assert [line.content for line in read_lines(file)] == lines
    events, reports = read(*lines[::20])
    assert (len(events), reports) == (500, [])


def test_memory_does_not_grow_with_the_number_of_lines() -> None:
    def peak(lines: int) -> int:
        tracemalloc.start()
        numbered = (Line(number, b'{"n": %d}' % number) for number in range(lines))
        for event in read_events(numbered, "json", lambda *_: None):
            del event
        (_, highest) = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    assert peak(4000) < 1.5 * peak(400) + 20_000
