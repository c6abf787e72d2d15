"""The stack of a stage: what is set stays, what is not set follows the template, and the doctor measures it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from millrace.deploy import deployment
from millrace.local.emulator import PROJECT
from millrace.stack import Stack
from stage import Clients


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A copy of the product's template, for a test to change."""
    copy = tmp_path / "stack.yaml"
    copy.write_text((PROJECT / "stack.yaml").read_text())
    return copy


def change(template: Path, before: str, after: str) -> None:
    text = template.read_text()
    assert text.count(before) == 1
    template.write_text(text.replace(before, after))


def queue_of(clients: Clients, outputs: dict[str, str]) -> dict[str, Any]:
    answer = clients.sqs.get_queue_attributes(QueueUrl=outputs["QUEUE_URL"], AttributeNames=["All"])
    attributes: dict[str, Any] = answer["Attributes"]
    return attributes


@pytest.mark.usefixtures("aws")
def test_a_changed_default_is_applied_and_a_value_that_is_set_stays(clients: Clients, template: Path) -> None:
    def apply(name: str, parameters: dict[str, str]) -> str:
        outputs = Stack(name).apply(template, parameters)
        return str(queue_of(clients, outputs)["VisibilityTimeout"])

    names: list[tuple[str, dict[str, str]]] = [("defaults", {}), ("chosen", {"VisibilitySeconds": "480"})]
    assert [apply(*each) for each in names] == ["365", "480"]
    change(template, "Default: 365", "Default: 720")
    assert [apply(*each) for each in names] == ["720", "480"]
    assert apply("chosen", {}) == "720"


@pytest.mark.usefixtures("aws")
def test_deliveries_are_those_of_the_parameter_and_the_functions_know_them(clients: Clients, template: Path) -> None:
    outputs = Stack("deliveries").apply(template, {"MaxDeliveries": "3"})
    assert json.loads(queue_of(clients, outputs)["RedrivePolicy"])["maxReceiveCount"] in (3, "3")
    assert outputs["MAX_DELIVERIES"] == "3"


@pytest.mark.usefixtures("aws")
def test_a_deployment_applies_what_the_stages_configuration_sets(clients: Clients, template: Path) -> None:
    folder = template.parent
    (folder / ".chalice").mkdir()
    config = {"stages": {"configured": {"stack_parameters": {"VisibilitySeconds": 540}}}}
    (folder / ".chalice" / "config.json").write_text(json.dumps(config))
    outputs = deployment._apply(folder, "configured", print, whole=False)  # noqa: SLF001
    assert queue_of(clients, outputs)["VisibilityTimeout"] == "540"


@pytest.mark.usefixtures("aws")
def test_a_stack_that_is_lost_finds_its_data_again(clients: Clients, template: Path) -> None:
    stack = Stack("millrace-lost")
    outputs = stack.apply(template, {})
    clients.dynamodb.put_item(TableName=outputs["TABLE_NAME"], Item={"pk": {"S": "a"}, "sk": {"S": "b"}})
    boto3.client("cloudformation").delete_stack(StackName=stack.name)
    assert stack.environment() == {}
    assert stack.apply(template, {}) == outputs
    assert clients.dynamodb.scan(TableName=outputs["TABLE_NAME"])["Count"] == 1
    assert stack.delete(template, {})


@pytest.mark.usefixtures("aws")
def test_a_deletion_that_stopped_half_way_is_finished_by_the_next(clients: Clients, template: Path) -> None:
    said: list[str] = []
    stack = Stack("millrace-half", said.append)
    outputs = stack.apply(template, {"Protected": "true"})
    clients.s3.put_object(Bucket=outputs["BUCKET_NAME"], Key="events/late", Body=b"")
    boto3.client("cloudformation").delete_stack(StackName=stack.name)  # what it retains is left
    assert stack.delete(template, {})
    assert [each for each in said if each.startswith("Deleted")] == [
        f"Deleted {outputs[each]}." for each in ("BUCKET_NAME", "DEAD_LETTER_URL", "QUEUE_URL", "TABLE_NAME")
    ]
    assert not stack.delete(template, {})


@pytest.mark.usefixtures("aws")
def test_a_stack_whose_name_goes_on_after_this_one_s_is_left_alone(template: Path) -> None:
    longer = Stack("millrace-a-b")
    outputs = longer.apply(template, {})
    assert not Stack("millrace-a").delete(template, {})
    assert longer.environment() == outputs
