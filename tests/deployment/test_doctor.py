"""The doctor looks at a stage's queue and functions."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

import boto3
import pytest

from deployed import Deployment
from millrace.deploy import doctor


@pytest.fixture
def function(aws: None) -> Iterator[str]:  # noqa: ARG001 - the environment must lead there
    """The ARN of a function that may run for 60 seconds."""
    functions, roles, name = boto3.client("lambda"), boto3.client("iam"), "may-run-for-60-seconds"
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as package:
        package.writestr("app.py", "def process(event, context): pass")
    role = roles.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    made = functions.create_function(
        FunctionName=name, Runtime="python3.12", Role=role, Handler="app.process", Timeout=60,
        Code={"ZipFile": code.getvalue()},
    )  # fmt: skip
    yield str(made["FunctionArn"])
    functions.delete_function(FunctionName=name)  # the story in this account begins with none
    roles.delete_role(RoleName=name)


@pytest.mark.parametrize(("seconds", "wrong"), [(364, True), (365, False)])
def test_the_doctor_wants_six_timeouts_and_says_where_to_set_them(
    deployment: Deployment, function: str, seconds: int, *, wrong: bool
) -> None:
    attributes = {"VisibilityTimeout": str(seconds)}
    url = boto3.client("sqs").create_queue(QueueName=f"hides-{seconds}", Attributes=attributes)["QueueUrl"]
    stage = doctor.Stage("prod", deployment.folder, {"QUEUE_URL": url}, {"process": {"lambda_arn": function}})
    findings = list(doctor.messages_wait_long_enough(stage))
    assert bool(findings) is wrong
    for said, advice in findings:
        assert said == "A message stays hidden for 364 s. A run may take 60 s, so work may be done twice."
        assert advice == (
            "Set VisibilitySeconds in stages.prod.stack_parameters of .chalice/config.json to 365. "
            "Run millrace deploy --stage prod."
        )
