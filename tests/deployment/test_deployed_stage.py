"""How commands find a deployed stage, and what they refuse to touch."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import boto3
import pytest

from millrace import stage_address
from millrace.command_error import CommandError
from millrace.deploy import recovery
from millrace.local.emulator import PROJECT
from millrace.stack import Stack

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that takes what a command sets, and has its own values back afterwards."""
    for name in (
        "QUEUE_URL",
        "DEAD_LETTER_URL",
        "TABLE_NAME",
        "BUCKET_NAME",
        "TOPIC_ARN",
        "STACK_NAME",
        "MAX_DELIVERIES",
    ):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("RETENTION_DAYS", "90")
    monkeypatch.setenv("REPORT_PROPERTIES", "page")


MakeFunction = Callable[[str, dict[str, str]], str]


@pytest.fixture
def make_function() -> Iterator[MakeFunction]:
    """Makes a function with an environment, and returns its ARN. The story in this account begins with none."""
    functions, roles, made = boto3.client("lambda"), boto3.client("iam"), list[str]()

    def make(name: str, variables: dict[str, str]) -> str:
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as package:
            package.writestr("app.py", "def process(event, context): pass")
        role = roles.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        made.append(name)
        function = functions.create_function(
            FunctionName=name, Runtime="python3.12", Role=role, Handler="app.process",
            Code={"ZipFile": code.getvalue()}, Environment={"Variables": variables},
        )  # fmt: skip
        return str(function["FunctionArn"])

    yield make
    for name in made:
        functions.delete_function(FunctionName=name)
        roles.delete_role(RoleName=name)


@pytest.mark.usefixtures("environment")
def test_a_command_works_with_the_settings_that_the_functions_have(make_function: MakeFunction) -> None:
    stack = Stack("millrace-seen")
    outputs = stack.apply(PROJECT / "stack.yaml", {})
    make_function("millrace-seen-process", outputs | {"RETENTION_DAYS": "60", "REPORT_PROPERTIES": ""})
    pipeline = stage_address.stage_pipeline("seen", Path("unused"), of_any_format=True)
    assert (pipeline.settings.retention_days, pipeline.settings.report_properties) == (60, ())
    assert pipeline.settings.table_name == outputs["TABLE_NAME"]
    stack.delete(PROJECT / "stack.yaml", {})


def test_a_stage_that_is_not_there_is_said_with_its_region() -> None:
    with pytest.raises(CommandError, match=r"^There is no stage typo in us-east-1\."):
        stage_address.stage_pipeline("typo", Path("unused"))


def test_a_function_of_another_stage_is_not_taken_for_this_one_s(make_function: MakeFunction) -> None:
    make_function("millrace-mine-process", {"STACK_NAME": "millrace-other"})
    with pytest.raises(CommandError, match="does not belong to the stage mine, but to millrace-other"):
        recovery.find("mine")


def test_function_and_role_of_a_stage_are_found_by_their_names(make_function: MakeFunction) -> None:
    arn = make_function("millrace-found-aggregate", {"STACK_NAME": "millrace-found"})
    role, function = recovery.find("found")
    assert (role["name"], role["role_name"]) == ("aggregate_role", "millrace-found-aggregate")
    assert function == {"name": "aggregate", "resource_type": "lambda_function", "lambda_arn": arn}


@pytest.mark.parametrize(("region", "refused"), [("eu-central-1", True), ("us-east-1", False)])
def test_a_stage_of_this_name_in_another_region_is_refused(region: str, *, refused: bool) -> None:
    iam, role = boto3.client("iam"), f"millrace-{region}-api_handler"
    iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
    policy = {"Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": f"arn:aws:sqs:{region}:1:q"}]}
    iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17"} | policy))
    try:
        with pytest.raises(CommandError, match=f"set AWS_REGION={region}") if refused else nullcontext():
            recovery.refuse_another_region(region)
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="p")
        iam.delete_role(RoleName=role)
