"""How the stack of a stage is applied and deleted when CloudFormation fails, waits, or cannot be read."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from millrace.command_error import CommandError
from millrace.stack import Stack

PROJECT = Path(__file__).parents[2]
TEMPLATE = PROJECT / "stack.yaml"


class CloudFormation:
    """A stack whose description goes through `statuses`, the last of which stays; None: there is no stack.

    `events`: what each look at the events adds to them, as (resource, status, reason).
    """

    def __init__(
        self, *statuses: str | None, events: list[list[tuple[str, str, str]]] | None = None, refuses: str = ""
    ) -> None:
        self.statuses, self.refuses = list(statuses), refuses
        self.coming, self.events = list(events or []), list[dict[str, str]]()
        self.calls: list[str] = []
        self.change = {"Status": "CREATE_COMPLETE"}

    def describe_stacks(self, StackName: str) -> Any:  # noqa: N803 - as boto3 names it
        if self.refuses:
            raise ClientError({"Error": {"Code": self.refuses, "Message": "no"}}, "DescribeStacks")
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status is None:
            error = {"Code": "ValidationError", "Message": f"Stack with id {StackName} does not exist"}
            raise ClientError({"Error": error}, "DescribeStacks")
        return {"Stacks": [{"StackStatus": status, "Outputs": [{"OutputKey": "TableName", "OutputValue": "t"}]}]}

    def describe_stack_events(self, **_: Any) -> Any:
        for resource, status, reason in self.coming.pop(0) if self.coming else []:
            event = {"EventId": str(len(self.events)), "LogicalResourceId": resource, "ResourceStatus": status}
            self.events.insert(0, {**event, "ResourceStatusReason": reason})
        return {"StackEvents": self.events}

    def create_change_set(self, **arguments: Any) -> Any:
        self.calls.append(arguments["ChangeSetType"])
        return {"Id": "change"}

    def describe_change_set(self, **_: Any) -> Any:
        return self.change

    def execute_change_set(self, **_: Any) -> None:
        self.calls.append("EXECUTE")

    def delete_change_set(self, **_: Any) -> None:
        self.calls.append("DISCARD")

    def delete_stack(self, **_: Any) -> None:
        self.calls.append("DELETE")


class EmptyAccount:
    """Services of an account in which there is no data."""

    def list_buckets(self) -> Any:
        return {"Buckets": []}

    def get_queue_url(self, **_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AWS.SimpleQueueService.NonExistentQueue"}}, "GetQueueUrl")

    def describe_table(self, **_: Any) -> Any:
        raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "DescribeTable")

    meta = SimpleNamespace(region_name="eu-central-1")


def stack_of(cloudformation: CloudFormation, said: list[str] | None = None) -> Stack:
    def client(service: str) -> Any:
        return cloudformation if service == "cloudformation" else EmptyAccount()

    say = (lambda _: None) if said is None else said.append
    return Stack("millrace-prod", say, clients=client, sleep=lambda _: None)


def apply(cloudformation: CloudFormation, said: list[str] | None = None) -> dict[str, str]:
    return stack_of(cloudformation, said).apply(TEMPLATE, {})


def test_an_operation_may_take_as_long_as_it_takes() -> None:
    cloudformation = CloudFormation(None, *["CREATE_IN_PROGRESS"] * 2000, "CREATE_COMPLETE")
    assert apply(cloudformation) == {"TABLE_NAME": "t"}
    assert cloudformation.calls == ["CREATE", "EXECUTE"]


def test_an_operation_that_is_in_progress_is_awaited_and_then_the_stack_is_updated() -> None:
    cloudformation = CloudFormation(*["CREATE_IN_PROGRESS"] * 3, "CREATE_COMPLETE")
    apply(cloudformation)
    assert cloudformation.calls == ["UPDATE", "EXECUTE"]


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "REVIEW_IN_PROGRESS", "DELETE_FAILED"])
def test_a_stack_whose_creation_failed_is_deleted_and_created_again(status: str) -> None:
    cloudformation = CloudFormation(status, None, "CREATE_COMPLETE")
    apply(cloudformation)
    assert cloudformation.calls == ["DELETE", "CREATE", "EXECUTE"]


def test_a_failure_says_the_reason_of_the_first_resource_that_failed_in_this_operation() -> None:
    earlier, failed = ("Topic", "UPDATE_FAILED", "an old reason"), ("Table", "CREATE_FAILED", "Table already exists")
    cancelled = ("Chunks", "CREATE_FAILED", "Resource creation cancelled")
    cloudformation = CloudFormation(
        "UPDATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE",
        events=[[earlier], [], [failed, cancelled]],
    )  # fmt: skip
    with pytest.raises(CommandError, match=r"could not be applied: Table: Table already exists$"):
        apply(cloudformation)


def test_each_step_of_a_resource_is_said() -> None:
    steps = [("Table", "CREATE_IN_PROGRESS", ""), ("Table", "CREATE_COMPLETE", "")]
    said: list[str] = []
    apply(CloudFormation(None, "CREATE_IN_PROGRESS", "CREATE_COMPLETE", events=[[], [], steps]), said)
    assert said == ["  Table CREATE_COMPLETE"]


def test_a_change_set_without_changes_is_discarded() -> None:
    cloudformation = CloudFormation("UPDATE_COMPLETE")
    cloudformation.change = {"Status": "FAILED", "StatusReason": "The submitted information didn't contain changes."}
    assert apply(cloudformation) == {"TABLE_NAME": "t"}
    assert cloudformation.calls == ["UPDATE", "DISCARD"]


def test_a_change_set_that_fails_says_why() -> None:
    cloudformation = CloudFormation("UPDATE_COMPLETE")
    cloudformation.change = {"Status": "FAILED", "StatusReason": "The table has no DeletionPolicy."}
    with pytest.raises(CommandError, match="The table has no DeletionPolicy"):
        apply(cloudformation)


@pytest.mark.parametrize("code", ["AccessDenied", "ExpiredToken", "Throttling"])
def test_a_stack_that_cannot_be_read_is_not_taken_for_one_that_is_gone(code: str) -> None:
    cloudformation = CloudFormation("CREATE_COMPLETE", refuses=code)
    for ask in (
        lambda: apply(cloudformation),
        stack_of(cloudformation).environment,
        lambda: stack_of(cloudformation).delete(TEMPLATE, {}),
    ):
        with pytest.raises(CommandError, match=f"cannot be read: .*{code}"):
            ask()
    assert cloudformation.calls == []


def test_what_a_deletion_looks_for_is_what_the_template_retains_under_that_name() -> None:
    text = TEMPLATE.read_text()
    assert text.count("DeletionPolicy: RetainExceptOnCreate") == 4
    for name in ("-chunks", "-dead-letters", "-table", "-${AWS::AccountId}-${AWS::Region}"):
        assert f'Name: !Sub "${{AWS::StackName}}{name}"' in text


class Bucket(EmptyAccount):
    """A bucket of some pages of objects; notes how many calls that delete run at a time."""

    def __init__(self, pages: list[int]) -> None:
        self.pages, self.left = pages, sum(pages)
        self.running, self.most = 0, 0
        self.lock, self.together = threading.Lock(), threading.Barrier(2)

    def list_buckets(self) -> Any:
        return {"Buckets": [{"Name": "millrace-prod-123456789012-eu-central-1"}] if self.left else []}

    def get_paginator(self, _: str) -> Any:
        pages = [
            {"Contents": [{"Key": f"{page}-{each}"} for each in range(size)]} for page, size in enumerate(self.pages)
        ]
        return SimpleNamespace(paginate=lambda **_: iter(pages))

    def delete_objects(self, Delete: Any, **_: Any) -> Any:  # noqa: N803 - as boto3 names it
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.together.wait(timeout=60)  # a call ends when another runs
        with self.lock:
            self.running -= 1
            self.left -= len(Delete["Objects"])
        return {}

    def delete_bucket(self, **_: Any) -> None:
        assert self.left == 0


def test_a_bucket_is_emptied_with_some_calls_at_a_time() -> None:
    bucket = Bucket([1000] * 19 + [0, 7])
    stack = Stack(
        "millrace-prod", clients=lambda service: CloudFormation(None) if service == "cloudformation" else bucket
    )
    assert stack.delete(TEMPLATE, {})
    assert bucket.left == 0
    assert 2 <= bucket.most <= 8
