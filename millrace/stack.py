"""Creates, updates and deletes the stack of stack.yaml, and reads its outputs as the functions' environment."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from millrace import sdk
from millrace.command_error import CommandError

Say = Callable[[str], None]
_Description = dict[str, Any]

_CALLS_AT_ONCE = 8
# The states of a stack without a table: its creation failed, or it is deleted.
_WITHOUT_DATA = ("CREATE_FAILED", "ROLLBACK", "DELETE", "REVIEW")


def _quiet(_: str) -> None:
    pass


class Stack:
    """A stack in the account and region of the environment. Every method raises CommandError."""

    def __init__(
        self,
        name: str,
        say: Say = _quiet,
        *,
        clients: Callable[[str], Any] = sdk.client,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`say`: is called with each step of a resource. `clients`: makes the AWS client of a service."""
        self.name, self._say, self._clients, self._sleep = name, say, clients, sleep
        self._cloudformation = clients("cloudformation")

    def environment(self) -> dict[str, str]:
        """Return the functions' environment from the stack's outputs; empty without a stack that has data."""
        stack = self._described()
        if stack is None or stack["StackStatus"].startswith(_WITHOUT_DATA):
            return {}
        return {_in_capitals(output["OutputKey"]): output["OutputValue"] for output in stack.get("Outputs", [])}

    def resources(self, kind: str) -> list[str]:
        """Return the physical ids of the stack's resources of one type, such as AWS::CloudWatch::Alarm."""
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.name)
        found = [each for page in pages for each in page["StackResourceSummaries"]]
        return [each["PhysicalResourceId"] for each in found if each["ResourceType"] == kind]

    def apply(self, template: Path, parameters: Mapping[str, str]) -> dict[str, str]:
        """Create or update the stack. Return the functions' environment. Safe to repeat.

        A parameter that is not given gets the template's default, even if it had another value before. Data that an
        earlier stack of this name left is imported. If an operation is in progress, this method waits for its end.
        """
        stack, text = self._settled(), template.read_text()
        if stack and stack["StackStatus"].startswith(_WITHOUT_DATA):  # CloudFormation allows only its deletion
            self._delete()
            stack = None
        if not stack and (retained := self._retained()):
            self._say(f"A former stack {self.name} has left data: importing it into the new one.")
            self._change("IMPORT", _with_resources(text, retained), parameters, ResourcesToImport=retained)
            stack = self._described()
        self._change("UPDATE" if stack else "CREATE", text, parameters)
        return self.environment()

    def delete(self, template: Path, parameters: Mapping[str, str]) -> bool:
        """Delete the stack, all data that it retains included. Return whether there was anything to delete.

        Safe to repeat: data that a failed deletion left without a stack is found by its name.
        """
        stack = self._settled()
        if stack:
            if _is_whole(stack):
                self.apply(template, {**parameters, "Protected": "false"})
            for bucket in self._buckets():  # first, since it may take hours, longer than CloudFormation waits
                self._empty(bucket)
            self._delete()
        left = list(self._delete_retained())
        return bool(stack or left)

    def _change(self, kind: str, template: str, parameters: Mapping[str, str], **more: Any) -> None:
        """Apply a change, if there is one, and wait until it is complete."""
        try:
            change_set = self._cloudformation.create_change_set(
                StackName=self.name,
                ChangeSetName=f"millrace-{uuid4().hex}",
                ChangeSetType=kind,
                TemplateBody=template,
                Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
                **more,
            )["Id"]
            if not self._is_change(change_set):
                return
            events = _Events(self._cloudformation, self.name, self._say)
            self._cloudformation.execute_change_set(ChangeSetName=change_set)
        except ClientError as error:
            raise CommandError(f"The stack {self.name} could not be applied: {error}") from error
        stack = self._settled(events)
        if stack is None or not _is_whole(stack):
            raise CommandError(f"The stack {self.name} could not be applied: {events.reason()}")

    def _is_change(self, change_set: str) -> bool:
        """Return whether a change set changes anything. An empty change set is deleted."""
        describe = self._cloudformation.describe_change_set
        while (found := describe(ChangeSetName=change_set))["Status"] != "CREATE_COMPLETE":
            if found["Status"] == "FAILED":
                self._cloudformation.delete_change_set(ChangeSetName=change_set)
                reason = str(found.get("StatusReason", ""))
                if "didn't contain changes" in reason or "No updates are to be performed" in reason:
                    return False
                raise CommandError(f"The stack {self.name} could not be applied: {reason}")
            self._sleep(1)
        return True

    def _delete(self) -> None:
        events = _Events(self._cloudformation, self.name, self._say)
        self._cloudformation.delete_stack(StackName=self.name)
        if self._settled(events):
            raise CommandError(f"The stack {self.name} could not be deleted: {events.reason()}")

    def _settled(self, events: _Events | None = None) -> _Description | None:
        """Wait until no operation is in progress. Return the stack, or None if there is none."""
        while stack := self._described():
            if events:
                events.look()
            if not stack["StackStatus"].endswith("_IN_PROGRESS") or "REVIEW" in stack["StackStatus"]:
                return stack
            if events is None:
                self._say(f"The stack {self.name} is in {stack['StackStatus']}: waiting for the end of this operation.")
                events = _Events(self._cloudformation, self.name, self._say)
            self._sleep(1)
        return None

    def _described(self) -> _Description | None:
        """Return the stack, or None if AWS says that it does not exist."""
        try:
            stack: _Description = self._cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        except (ClientError, BotoCoreError) as error:
            if "does not exist" in str(error):
                return None
            raise CommandError(f"The stack {self.name} cannot be read: {error}") from error
        return None if stack["StackStatus"] == "DELETE_COMPLETE" else stack

    def _retained(self) -> list[dict[str, Any]]:
        """Return the existing resources that a stack of this name has retained, in the form of an import."""
        sqs, dynamodb, table = self._clients("sqs"), self._clients("dynamodb"), f"{self.name}-table"
        found = [("Archive", "AWS::S3::Bucket", {"BucketName": bucket}) for bucket in self._buckets()]
        for resource, queue in (("DeadLetters", f"{self.name}-dead-letters"), ("Chunks", f"{self.name}-chunks")):
            if answer := _unless_missing(sqs.get_queue_url, "NonExistentQueue", QueueName=queue):
                found.append((resource, "AWS::SQS::Queue", {"QueueUrl": answer["QueueUrl"]}))
        answer = _unless_missing(dynamodb.describe_table, "ResourceNotFound", TableName=table)
        if answer and answer["Table"]["TableStatus"] != "DELETING":
            found.append(("Table", "AWS::DynamoDB::Table", {"TableName": table}))
        names = ("LogicalResourceId", "ResourceType", "ResourceIdentifier")
        return [dict(zip(names, each, strict=True)) for each in found]

    def _delete_retained(self) -> Iterator[str]:
        """Delete the resources that the stack has retained. Yield the id of each."""
        for resource in self._retained():
            [identifier] = resource["ResourceIdentifier"].values()
            match resource["ResourceType"]:
                case "AWS::S3::Bucket":
                    self._empty(identifier)
                    self._clients("s3").delete_bucket(Bucket=identifier)
                case "AWS::SQS::Queue":
                    self._clients("sqs").delete_queue(QueueUrl=identifier)
                case "AWS::DynamoDB::Table":
                    dynamodb = self._clients("dynamodb")
                    dynamodb.update_table(TableName=identifier, DeletionProtectionEnabled=False)
                    dynamodb.delete_table(TableName=identifier)
            self._say(f"Deleted {identifier}.")
            yield identifier

    def _buckets(self) -> list[str]:
        """Return the archive's bucket in a list, or nothing. Its name ends with the account and the region."""
        s3 = self._clients("s3")
        form = rf"{self.name}-\d{{12}}-{s3.meta.region_name}"
        return [each["Name"] for each in s3.list_buckets()["Buckets"] if re.fullmatch(form, each["Name"])]

    def _empty(self, bucket: str) -> None:
        """Delete all objects: a thousand in a call, several calls in parallel."""
        s3, deleted = self._clients("s3"), 0

        def delete(page: dict[str, Any]) -> int:
            objects = [{"Key": each["Key"]} for each in page.get("Contents", [])]
            if objects:
                answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
                if errors := answer.get("Errors"):
                    raise CommandError(
                        f"The object {errors[0]['Key']} of {bucket} was not deleted: {errors[0].get('Message')}"
                    )
            return len(objects)

        pages = iter(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket))
        with ThreadPoolExecutor(_CALLS_AT_ONCE) as pool:
            while some := list(islice(pages, _CALLS_AT_ONCE)):
                if number := sum(pool.map(delete, some)):
                    deleted += number
                    self._say(f"{deleted} objects deleted from {bucket}")


class _Events:
    """The events of a stack's resources from now on."""

    def __init__(self, cloudformation: Any, name: str, say: Say) -> None:
        self._cloudformation, self._name, self._say = cloudformation, name, say
        self._seen = {event["EventId"] for event in self._newest()}
        self._failures: list[str] = []

    def look(self) -> None:
        """Print each step that has ended since the last call."""
        for event in reversed([each for each in self._newest() if each["EventId"] not in self._seen]):
            self._seen.add(event["EventId"])
            resource, status = event["LogicalResourceId"], event["ResourceStatus"]
            reason = event.get("ResourceStatusReason", "")
            if status.endswith("FAILED") and "cancelled" not in reason:
                self._failures.append(f"{resource}: {reason}")
            if not status.endswith("_IN_PROGRESS"):
                self._say(f"  {resource} {status}")

    def reason(self) -> str:
        """Return why the operation failed: the reason of the first failed resource."""
        return next(iter(self._failures), "CloudFormation gives no reason.")

    def _newest(self) -> list[dict[str, Any]]:
        """Return a page of events, newest first. A page holds far more events than a second brings."""
        try:
            answer = self._cloudformation.describe_stack_events(StackName=self._name)
        except ClientError:  # there is no stack
            return []
        events: list[dict[str, Any]] = answer["StackEvents"]
        return events


def parameters_in(template: Path) -> list[str]:
    """Return the names of a template's parameters."""
    section = re.search(r"^Parameters:\n((?: .*\n|\n)*)", template.read_text(), re.MULTILINE)
    return re.findall(r"^  (\w+):", section[1], re.MULTILINE) if section else []


def _with_resources(template: str, resources: Sequence[Mapping[str, Any]]) -> str:
    """Return a template with only these resources and without outputs, as an import requires.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import.html
    """
    head, body = template.split("\nResources:\n")
    kept = [
        block[0]
        for block in re.finditer(r"^  (\w+):\n(?:    .*\n|\n)+", body.partition("\nOutputs:")[0] + "\n", re.MULTILINE)
        if block[1] in [each["LogicalResourceId"] for each in resources]
    ]
    return f"{head}\nResources:\n{''.join(kept)}"


def _is_whole(stack: _Description) -> bool:
    """Return whether the stack's last operation succeeded. A rolled back update counts as a failure."""
    status = stack["StackStatus"]
    return status.endswith("_COMPLETE") and "ROLLBACK" not in status


def _unless_missing(call: Callable[..., Any], code: str, **arguments: Any) -> Any:
    """Return a call's answer, or None if AWS says that the resource does not exist."""
    try:
        return call(**arguments)
    except ClientError as error:
        if code not in error.response["Error"]["Code"]:
            raise
        return None


def _in_capitals(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
