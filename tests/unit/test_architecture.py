"""docs/architecture.md beside the code that it describes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import chalicelib

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("layer", ["Flows", "HTTP"])
def test_every_module_of_a_layer_that_the_docs_list_is_named(layer: str) -> None:
    text = (PROJECT / "docs" / "architecture.md").read_text()
    described = text.partition(f"- **{layer}**")[2].partition("\n- **")[0]
    modules = {path.stem for path in (Path(chalicelib.__file__).parent / layer.lower()).glob("*.py")} - {"__init__"}
    assert modules <= set(described.split("`")[1::2])


def test_app_py_stays_a_map_that_is_read_in_two_minutes() -> None:
    assert len((PROJECT / "app.py").read_text().splitlines()) <= 220


@pytest.mark.parametrize("record", sorted((PROJECT / "docs" / "decisions").glob("*.md")), ids=lambda path: path.stem)
def test_decision_records_have_one_form(record: Path) -> None:
    title, _, status, date, *rest = record.read_text().splitlines()
    assert title.startswith(f"# {int(record.name[:4])}. ")
    assert re.fullmatch(r"- Status: (accepted|superseded by \d+)", status)
    assert re.fullmatch(r"- Date: \d{4}-\d\d-\d\d", date)
    assert [line for line in rest if line.startswith("#")] == ["## Context", "## Decision", "## Consequences"]
