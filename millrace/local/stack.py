"""Creates or updates the stack of stack.yaml, and reads its outputs as the functions' environment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from millrace.failure import Failure


def apply(cloudformation: Any, name: str, template: Path, parameters: dict[str, str]) -> dict[str, str]:
    """The environment of the stage's functions: each output, its name in capitals. Safe to repeat."""
    arguments = {
        "StackName": name,
        "TemplateBody": template.read_text(),
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    }
    try:
        if _exists(cloudformation, name):
            cloudformation.update_stack(**arguments)
            cloudformation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        else:
            cloudformation.create_stack(**arguments)
            cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise Failure(f"The stack {name} could not be applied: {error}") from error
    except WaiterError as error:
        raise Failure(f"The stack {name} could not be applied: {_reasons(cloudformation, name)}") from error
    return environment(cloudformation, name)


def environment(cloudformation: Any, name: str) -> dict[str, str]:
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return {_in_capitals(output["OutputKey"]): output["OutputValue"] for output in stack["Outputs"]}


def _exists(cloudformation: Any, name: str) -> bool:
    try:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError:
        return False
    return "DELETE" not in stack["StackStatus"]


def _reasons(cloudformation: Any, name: str) -> str:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return "; ".join(event["ResourceStatusReason"] for event in events if event.get("ResourceStatusReason"))


def _in_capitals(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
