"""What .chalice/config.json sets for a stage's stack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from millrace import stack
from millrace.command_error import CommandError
from millrace.deploy import stages

PROJECT = Path(__file__).parents[2]
ALLOWED = ["VisibilitySeconds", "MaxDeliveries", "AlarmEmail"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of which no stage was deployed."""
    (tmp_path / ".chalice").mkdir()
    for name in ("stack.yaml", ".chalice/config.json"):
        (tmp_path / name).write_text((PROJECT / name).read_text())
    return tmp_path


def configure(checkout: Path, parameters: dict[str, Any]) -> None:
    path = checkout / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["prod"] = {"stack_parameters": parameters}
    path.write_text(json.dumps(config))


def test_the_parameters_of_the_template_are_those_that_a_stage_or_deploy_sets() -> None:
    assert sorted(stack.parameters_in(PROJECT / "stack.yaml")) == sorted([*ALLOWED, *stages.SET_BY_DEPLOY])


def test_a_stage_that_sets_nothing_has_no_parameters(checkout: Path) -> None:
    assert stages.parameters(checkout, "prod") == {}


def test_parameters_are_texts_as_cloudformation_wants_them(checkout: Path) -> None:
    configure(checkout, {"VisibilitySeconds": 720, "MaxDeliveries": "3"})
    assert stages.parameters(checkout, "prod") == {"VisibilitySeconds": "720", "MaxDeliveries": "3"}
    assert stages.parameters(checkout, "dev") == {}


@pytest.mark.parametrize("name", ["VisibilitySecond", *stages.SET_BY_DEPLOY])
def test_a_parameter_that_a_stage_cannot_set_is_refused_by_its_name(checkout: Path, name: str) -> None:
    configure(checkout, {name: "1", "MaxDeliveries": "3"})
    with pytest.raises(CommandError) as refused:
        stages.parameters(checkout, "prod")
    assert str(refused.value) == (
        "stages.prod.stack_parameters in .chalice/config.json may hold "
        f"VisibilitySeconds, MaxDeliveries, AlarmEmail, not {name}."
    )


def test_a_parameter_that_is_set_stays_until_the_stage_is_forgotten(checkout: Path) -> None:
    stages.set_parameter(checkout, "prod", "MaxDeliveries", "3")
    stages.set_parameter(checkout, "prod", "AlarmEmail", "ann@example.com")
    stages.record(checkout, "prod", {"QUEUE_URL": "queue"}, [])
    assert stages.parameters(checkout, "prod") == {"MaxDeliveries": "3", "AlarmEmail": "ann@example.com"}
    stages.forget(checkout, "prod")
    assert stages.parameters(checkout, "prod") == {}
