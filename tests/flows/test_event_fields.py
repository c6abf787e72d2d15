"""The table of event fields: each field goes all the way from a POST to an export, and a new one needs nothing else."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from builders import NOW, World, raw_events
from chalicelib.core.chunk import STORED_FIELDS, Sender
from chalicelib.core.dialects import Incoming, own
from chalicelib.core.event import FIELDS, SENT_FIELDS, Field
from chalicelib.core.event_body import StoredEvent
from chalicelib.core.project import Project
from chalicelib.core.rejection import make_row
from chalicelib.errors import Problem
from chalicelib.flows.ingest import ingest
from millrace.api_docs import openapi
from millrace.io import export, reading
from millrace.ops import archive_scan

ROOT = Path(__file__).parents[2]
SENDER = Sender("acme", NOW, "192.0.2.1", "browser")


def sample(row: Field) -> Any:
    return {"text": f"the {row.name}", "time": "2015-05-17T10:05:03.250Z", "object": {"of": [row.name]}}[row.kind]


FULL = {row.name: sample(row) for row in SENT_FIELDS}
each_field = pytest.mark.parametrize("row", FIELDS, ids=lambda row: row.name)


def run(*events: dict[str, Any], **settings: Any) -> World:
    """The pipeline after one POST for a project with these settings."""
    world = World()
    project = Project("acme", secret="s", **settings)
    ingest(
        raw_events(json.dumps(events).encode()), sender=SENDER, queue=world.queue, meter=world.meter, project=project
    )
    world.process(*world.queue.messages())
    return world


def archived(world: World) -> list[StoredEvent]:
    (events,) = world.archive.objects.values()
    return events


def exported(rows: list[dict[str, Any]]) -> dict[str, str]:
    file = io.BytesIO()
    assert sum(export.write_csv(rows, file)) == len(rows)
    return next(csv.DictReader(io.StringIO(file.getvalue().decode(), newline="")))


def seen(world: World, name: str) -> list[Any]:
    """What queue, table, archive and export say of a field of the newest event; None: nothing."""
    (found,) = world.find_events({"limit": "1"})["events"]
    of_user = world.find_events({"user_id": found.get("user_id", found.get("anonymous_id"))})["events"]
    assert found in of_user
    (sent,) = (each for each in json.loads(world.queue.bodies[0])["events"] if each["event_id"] == found["event_id"])
    (line,) = (
        each
        for each in (json.loads(stored.dumped) for stored in archived(world))
        if each["event_id"] == found["event_id"]
    )
    cell = exported([found])[name]
    is_object = isinstance(found.get(name), dict)
    return [sent.get(name), found.get(name), line.get(name), json.loads(cell) if is_object else cell or None]


def refusal(event: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(Problem) as rejected:
        run(event)
    (verdict,) = rejected.value.extra["events"]
    return verdict["code"], verdict["field"]


EARLIER = FULL | {"event_id": "e0", "timestamp": "2015-05-17T10:00:00Z"}


@pytest.mark.parametrize("earlier", [[], [EARLIER]], ids=["alone", "with another"])
@each_field
def test_a_field_goes_from_the_post_to_the_export_as_it_was_sent(row: Field, earlier: list[dict[str, Any]]) -> None:
    assert seen(run(*earlier, FULL), row.name) == [sample(row)] * 4


@each_field
def test_a_field_is_what_it_was_when_the_archive_is_replayed(row: Field) -> None:
    (stored,) = archived(run(FULL))
    assert archive_scan.read_event(stored).event.to_json()[row.name] == sample(row)


def test_an_exported_event_is_read_as_its_client_sent_it() -> None:
    """What the pipeline adds, such as the time of receipt, would become properties, or contradict them."""
    sent = FULL | {"properties": {"user_agent": "another", "project": 7}}
    file = io.BytesIO()
    assert sum(export.write_json(run(sent).find_events({"limit": "1"})["events"], file)) == 1
    assert reading.read_json(file.getvalue()) == sent
    assert reading.read_json(b'{"key": "of another system", "event_id": "e1"}')["key"] == "of another system"


@each_field
def test_a_field_that_a_client_need_not_send_may_be_absent_or_null(row: Field) -> None:
    absent, null = {name: value for name, value in FULL.items() if name != row.name}, FULL | {row.name: None}
    if row.is_required:
        assert refusal(absent) == refusal(null) == ("missing_field", row.name)
        return
    for event in (absent, null):
        values = seen(run(event), row.name)
        assert (values == [None] * 4) == row.is_optional
        assert sample(row) not in values


@each_field
def test_a_field_of_the_wrong_type_is_refused(row: Field) -> None:
    assert refusal(FULL | {row.name: True}) == ("bad_timestamp" if row.kind == "time" else "wrong_type", row.name)


@pytest.mark.parametrize("row", [row for row in FIELDS if row.kind == "text"], ids=lambda row: row.name)
def test_a_text_has_a_limit_and_room_for_a_hash(row: Field) -> None:
    longest = "x" * row.max_length
    assert seen(run(FULL | {row.name: longest}), row.name) == [longest] * 4
    assert refusal(FULL | {row.name: longest + "x"}) == ("too_long", row.name)
    assert len(Project("acme", hashes_users=True).user_as_stored("ann")) <= row.max_length


@each_field
def test_a_field_is_told_by_the_pixel_unless_it_is_an_object(row: Field) -> None:
    query = {name: value if isinstance(value, str) else "{}" for name, value in FULL.items()}
    (event,) = own.read_pixel(Incoming(b"", {}, query, NOW)).events
    if row.kind != "object":
        assert event.fields[row.name] == sample(row)
    assert set(event.fields["properties"]) == {each.name for each in FIELDS if each.kind == "object"}


@each_field
def test_a_property_that_is_dropped_is_dropped_as_a_field_too_unless_it_names_the_event(row: Field) -> None:
    world = run(FULL | {"properties": {row.name: "x"}}, dropped=frozenset({row.name}))
    assert seen(world, "properties") == [{}] * 4
    if row.name != "properties":
        goes = row.is_optional and not row.is_person
        assert seen(world, row.name) == [None if goes else sample(row)] * 4
    verdict = {"index": 0, "code": "empty", "field": None, "message": "no"}
    kept = make_row(FULL, verdict, Project("acme", secret="s", dropped=frozenset({row.name})))
    assert row.name not in json.loads(kept["event"])


@each_field
def test_a_field_is_hashed_if_it_is_a_persons_id_and_wherever_it_is_copied(row: Field) -> None:
    world = run(FULL | {"properties": {"copy": sample(row)}}, hashes_users=True)
    hashed = Project("acme", secret="s", hashes_users=True).user_as_stored(f"the {row.name}")
    if row.name != "properties":
        assert seen(world, row.name) == [hashed if row.is_person else sample(row)] * 4
    assert seen(world, "properties") == [{"copy": hashed if row.is_person else sample(row)}] * 4


@each_field
def test_a_field_is_described(row: Field) -> None:
    schemas = openapi.document()["components"]["schemas"]
    sent, stored = schemas["SentEvent"], schemas["Event"]
    assert row.name in sent["properties"]
    assert (row.name in sent["required"]) == row.is_required
    assert row.name in stored["properties"]
    assert (row.name in stored["required"]) != row.is_optional
    pixel = openapi.document()["paths"]["/pixel.gif"]["get"]["parameters"]
    assert (row.name in {each["name"] for each in pixel}) == (row.kind != "object")


def test_the_stored_form_is_what_the_table_says_and_each_of_it_is_a_column() -> None:
    (found,) = world_rows = run(FULL).find_events({})["events"]
    names = [row.name for row in STORED_FIELDS]
    assert list(found) == ["key", *names]
    assert set(exported(world_rows)) == {*names, "key"}
    assert len(export.COLUMNS) == len(names) + 1


ARTIFICIAL = {
    "session_id": "str | None = field(default=None, metadata=_text(200))",
    "device_id": "str | None = field(default=None, metadata=_text(200, is_person=True))",
    "opened_at": 'str | None = field(default=None, metadata={"kind": "time"})',
    "device": 'dict[str, Any] | None = field(default=None, metadata={"kind": "object"})',
}


def test_a_new_field_needs_one_line_and_does_all_of_the_above(tmp_path: Path) -> None:
    for folder in ("chalicelib", "millrace", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "static", "node")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    table = tmp_path / "chalicelib" / "core" / "event.py"
    before, last, after = table.read_text().partition("    guarded: bool\n")
    table.write_text(before + "".join(f"    {name}: {row}\n" for name, row in ARTIFICIAL.items()) + last + after)
    chosen = ["-k", " or ".join(ARTIFICIAL), str(Path(__file__).relative_to(ROOT))]
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-o", "addopts=", "-v", "-p", "no:cacheprovider", *chosen],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    assert " failed" not in told, told
    for name, row in ARTIFICIAL.items():
        assert told.count(f"[{name}] PASSED") == (8 if "_text" in row else 7), told
