"""Creates, updates and deletes the stack of stack.yaml, and reads its outputs as the functions' environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError, WaiterError

from millrace.command_error import CommandError

# States of a stack whose table is not there: its creation failed, or it is deleted.
_WITHOUT_DATA = ("CREATE_FAILED", "ROLLBACK", "DELETE")


def apply(cloudformation: Any, name: str, template: Path, parameters: Mapping[str, str]) -> dict[str, str]:
    """The environment of the stage's functions: each output, its name in capitals. Safe to repeat.

    A parameter that is not given gets the template's default, whatever it was before. Raises CommandError.
    """
    exists = _exists(cloudformation, name)
    arguments = {
        "StackName": name,
        "TemplateBody": template.read_text(),
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    }
    try:
        if exists:
            cloudformation.update_stack(**arguments)
            cloudformation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        else:
            cloudformation.create_stack(**arguments)
            cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise CommandError(f"The stack {name} could not be applied: {error}") from error
    except WaiterError as error:
        raise CommandError(f"The stack {name} could not be applied: {_reasons(cloudformation, name)}") from error
    return environment(cloudformation, name)


def parameters_in(template: Path) -> list[str]:
    """The names of a template's parameters."""
    section = re.search(r"^Parameters:\n((?: .*\n|\n)*)", template.read_text(), re.MULTILINE)
    return re.findall(r"^  (\w+):", section[1], re.MULTILINE) if section else []


def environment(cloudformation: Any, name: str) -> dict[str, str]:
    """The environment that a stack gives to its functions. Raises ClientError where there is no such stack."""
    return _environment(cloudformation.describe_stacks(StackName=name)["Stacks"][0])


def environment_before(cloudformation: Any, name: str) -> dict[str, str]:
    """The environment that a stack gives now; empty where there is no such stack, or its creation failed."""
    try:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return {}
        raise CommandError(f"The stack {name} cannot be read: {error}") from error
    return {} if stack["StackStatus"].startswith(_WITHOUT_DATA) else _environment(stack)


def _environment(stack: dict[str, Any]) -> dict[str, str]:
    return {_in_capitals(output["OutputKey"]): output["OutputValue"] for output in stack.get("Outputs", [])}


def delete(name: str, template: Path) -> None:
    """Delete a stack and all that it retains, with every event. Raises CommandError."""
    cloudformation = boto3.client("cloudformation")
    if not _exists(cloudformation, name):
        return
    apply(cloudformation, name, template, {"Protected": "false"})
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    resources = [each for page in pages for each in page["StackResourceSummaries"]]
    for resource in resources:  # a bucket that is not empty cannot be deleted
        if resource["ResourceType"] == "AWS::S3::Bucket":
            _empty(resource["PhysicalResourceId"])
    cloudformation.delete_stack(StackName=name)
    try:
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    except WaiterError as error:
        raise CommandError(f"The stack {name} could not be deleted: {_reasons(cloudformation, name)}") from error
    for resource in resources:
        _delete_retained(resource["ResourceType"], resource["PhysicalResourceId"])


def _empty(bucket: str) -> None:
    s3 = boto3.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        objects = [{"Key": each["Key"]} for each in page.get("Contents", [])]
        if objects:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})


def _delete_retained(kind: str, name: str) -> None:
    match kind:
        case "AWS::S3::Bucket":
            boto3.client("s3").delete_bucket(Bucket=name)
        case "AWS::DynamoDB::Table":
            boto3.client("dynamodb").delete_table(TableName=name)
        case "AWS::SQS::Queue":
            boto3.client("sqs").delete_queue(QueueUrl=name)


def _exists(cloudformation: Any, name: str) -> bool:
    """Whether there is a stack that can be updated."""
    try:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError:
        return False
    if stack["StackStatus"] == "ROLLBACK_COMPLETE":  # its creation failed: nothing is left, and nothing can be updated
        cloudformation.delete_stack(StackName=name)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        return False
    return not stack["StackStatus"].startswith("DELETE")


def _reasons(cloudformation: Any, name: str) -> str:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return "; ".join(event["ResourceStatusReason"] for event in events if event.get("ResourceStatusReason"))


def _in_capitals(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
