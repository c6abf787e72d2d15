"""Reports: the same records make the same report, and a subject line no mail system refuses."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.core import hour_summary, limits, report
from chalicelib.core.commit import CommitRecord, OwnedEvent
from chalicelib.core.event import EventRef
from chalicelib.core.report import Report
from chalicelib.core.windows import Window

HOUR = "2015-05-17T10"
CHUNK_ID = f"01ARZ3NDEKTSV4RRFFQ69G5FAV-{HOUR}"


def record(owned: list[tuple[str, str]], value_counts: dict[str, dict[str, int]]) -> CommitRecord:
    refs = tuple(OwnedEvent(EventRef(f"{HOUR}:05:03.000000Z", user, "e"), event_type) for user, event_type in owned)
    return CommitRecord("p", CHUNK_ID, len(refs), refs, value_counts, "object", "2024-03-01T12:00:00.000000Z")


def made(content: dict[str, Any], project: str = "shop", name: str = HOUR, version: int = 3) -> Report:
    return Report(Window(project, "hour", name), version, content)


few = st.sampled_from(["a", "b", "c"])
value_counts = st.dictionaries(few, st.dictionaries(st.text(max_size=2), st.integers(1, 3), min_size=1), max_size=2)
records = st.lists(st.builds(record, st.lists(st.tuples(few, few), max_size=4), value_counts), max_size=5)


@given(records.flatmap(lambda each: st.tuples(st.just(each), st.permutations(each))))
def test_the_order_of_records_changes_nothing(orders: tuple[list[CommitRecord], list[CommitRecord]]) -> None:
    one, other = (report.summarise(hour_summary.of(each), complete=True) for each in orders)
    assert one == other
    assert report.plain_text(made(one)) == report.plain_text(made(other))


@given(records)
def test_a_report_counts_events_users_and_types(records: list[CommitRecord]) -> None:
    owned = [event for each in records for event in each.owned]
    content = report.summarise(hour_summary.of(records), complete=False)
    assert content["events"] == len(owned) == sum(content["counts"].values())
    assert content["unique_users"] == len({event.ref.user for event in owned})
    assert content["counts"] == {
        name: sum(event.event_type == name for event in owned) for name in sorted({event.event_type for event in owned})
    }


def test_top_values_are_added_up_ranked_by_count_then_value_and_cut() -> None:
    many = {f"/{number:02}": 1 for number in range(20)}
    content = report.summarise(
        hour_summary.of([record([], {"page": many}), record([], {"page": {"/15": 1, "/z": 5}})]), complete=True
    )
    top = content["top"]["page"]
    assert len(top) == limits.TOP_VALUES
    assert top[:4] == [
        {"value": "/z", "count": 5},
        {"value": "/15", "count": 2},
        {"value": "/00", "count": 1},
        {"value": "/01", "count": 1},
    ]


def test_a_report_of_nothing_is_a_report() -> None:
    content = report.summarise(hour_summary.of([]), complete=True)
    assert content == {"complete": True, "events": 0, "unique_users": 0, "counts": {}, "top": {}}


@given(st.text(max_size=150), st.text(), st.integers(0, 10**60), st.integers(1))
@example("p" * 150, HOUR, 88, 3)
def test_a_subject_is_a_line_of_ascii_of_at_most_100_characters(
    project: str, name: str, events: int, version: int
) -> None:
    subject = report.subject(made({"events": events}, project, name, version))
    assert subject.isascii()
    assert subject.isprintable()
    assert 0 < len(subject) <= 100


def test_a_subject_says_what_the_report_is_about() -> None:
    assert report.subject(made({"events": 88})) == "shop: 88 events in hour 2015-05-17T10 (v3)"
    assert report.subject(made({"events": 1}, "a\r\nBcc: x")) == "a??Bcc: x: 1 events in hour 2015-05-17T10 (v3)"


def test_a_report_for_people_has_every_count_on_a_line_of_its_own() -> None:
    owned = [("u", "view\n999  forged"), ("u", "view"), ("v", "view")]
    content = report.summarise(hour_summary.of([record(owned, {"page": {"/a\u2028\x1b[2J": 7}})]), complete=False)
    assert report.plain_text(made(content)).split("\n") == [
        "shop, hour 2015-05-17T10:00:00Z, version 3 (still open)",
        "3 events of 2 users",
        "",
        "        2  view",
        "        1  view 999  forged",
        "",
        "Top values of page:",
        "        7  /a  [2J",
        "",
    ]


def test_a_report_for_programs_names_its_window() -> None:
    assert made({"events": 88}).to_json() == {
        "project": "shop",
        "grain": "hour",
        "start": "2015-05-17T10:00:00Z",
        "version": 3,
        "events": 88,
    }


def test_a_dump_is_the_same_for_equal_documents() -> None:
    assert report.dump({"b": 1, "a": "é"}) == report.dump({"a": "é", "b": 1}) == '{"a":"é","b":1}'


def test_a_dump_escapes_what_a_queue_refuses() -> None:
    value = "\ufffe\uffff\x00\x7f"
    dumped = report.dump({"a": value})
    assert not {"\ufffe", "\uffff", "\x00"} & set(dumped)
    assert json.loads(dumped) == {"a": value}


def test_a_report_of_more_types_than_a_message_takes_lists_the_most_frequent() -> None:
    face = "\U0001f600"
    types = [f"{face * 90}{number}" for number in range(3000)]
    owned = [("u", event_type) for event_type in [*types, types[-1]]]
    content = report.summarise(hour_summary.of([record(owned, {})]), complete=True)
    listed = content["counts"]
    assert listed[types[-1]] == 2
    assert content["events"] == 3001 == sum(listed.values()) + content["other_types"]
    document, text = report.dump(made(content).to_json()), report.plain_text(made(content))
    assert f"{content['other_types']}  of other types" in text
    assert len(json.dumps({"default": document, "email": text})) < 128 * 1024


def renewed(summary: hour_summary.HourSummary) -> Report:
    return report.renewed(None, Window("shop", "hour", HOUR), summary, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("types", "values", "properties", "cut"),
    [
        pytest.param("view", "/", 3, None, id="usual"),
        pytest.param('"' * 96, "\U0001f600" * 200, 3, ["top"], id="quotes and faces"),
        pytest.param("plain type", "\U0001f600" * 200, 40, ["top"], id="many properties"),
        pytest.param("\\" * 96, "\U0001f600" * 200, 400, ["top"], id="more names than a message takes"),
        pytest.param("\U0001f600" * 96, "/", 0, None, id="types that take three times their room"),
    ],
)
def test_a_report_fits_a_message_as_it_is_sent_and_says_what_was_left_out(
    types: str, values: str, properties: int, cut: list[str] | None
) -> None:
    counts = Counter({f"{types}{number}"[-100:]: 1 for number in range(4000)})
    value_counts = {
        f"property {number} {'x' * 180}": Counter({f"{each}{values}"[:200]: 1 for each in range(20)})
        for number in range(properties)
    }
    made_of = hour_summary.HourSummary(counts, {"u"}, value_counts)
    found = renewed(made_of)
    message = report.message(found, report.dump(found.to_json()))
    assert len(message.encode()) <= limits.MAX_MESSAGE_BYTES < 256 * 1024
    assert found.content.get("cut") == cut
    assert ("left out" in json.loads(message)["email"]) == (cut is not None)
    assert found.content["events"] == 4000 == sum(found.content["counts"].values()) + found.content["other_types"]
    assert renewed(made_of) == found


def test_with_expired_records_counters_say_how_many_and_an_erased_person_is_in_no_value() -> None:
    window, now = Window("shop", "hour", HOUR), datetime(2026, 1, 1, tzinfo=UTC)
    before = report.renewed(None, window, hour_summary.of([record([("ann", "view")] * 3, {"page": {"/ann": 3}})]), now)
    left = hour_summary.of([record([("bob", "view")] * 4, {"page": {"/bob": 4}})])
    late = report.renewed(before, window, left, now, lacking_records=Counter(view=7))
    assert (late.version, late.content["events"], late.content["counts"]) == (2, 7, {"view": 7})
    assert (late.content["unique_users"], late.content["top"], late.content["records_expired"]) == (
        1, before.content["top"], True,
    )  # fmt: skip
    assert report.renewed(late, window, left, now, lacking_records=Counter(view=7)) == late
    after = report.renewed(late, window, replace(left, erased=2), now, lacking_records=Counter(view=5))
    assert (after.content["events"], "/ann" in repr(after.content)) == (5, False)
