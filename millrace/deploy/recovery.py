"""Restores Chalice's record of a deployment if it is missing on this machine.

Chalice records its resources in .chalice/deployed/STAGE.json, on one machine. Without the file, a second deployment
would make a second API and a second trigger for the queue. The file is made again from the names of the resources.
Chalice derives these names from the names of the application and the stage.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from millrace import sdk
from millrace.command_error import CommandError

_RESOURCE = dict[str, Any]


def deployed_file(project: Path, stage: str) -> Path:
    return project / ".chalice" / "deployed" / f"{stage}.json"


def recover(project: Path, stage: str) -> bool:
    """Write the file if it is missing and the stage was deployed. Return whether it was written."""
    path = deployed_file(project, stage)
    if path.exists():
        return False
    resources = find(stage)
    if not resources:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    note = {"resources": resources, "schema_version": "2.0", "backend": "api"}
    path.write_text(json.dumps(note, indent=2) + "\n")
    return True


def find(stage: str) -> list[_RESOURCE]:
    """Return the existing resources of a stage in the form of Chalice's file."""
    functions = {
        "api_handler": f"millrace-{stage}",
        "process": f"millrace-{stage}-process",
        "aggregate": f"millrace-{stage}-aggregate",
    }
    found: list[_RESOURCE] = []
    for function, name in functions.items():
        found += _role(f"{function}_role", f"millrace-{stage}-{function}")
        if arn := _function_arn(name, stage):
            found.append({"name": function, "resource_type": "lambda_function", "lambda_arn": arn})
            if function == "process":
                found += _trigger(name, arn)
    return found + _rule(f"millrace-{stage}-aggregate-event") + _rest_api(stage)


def refuse_another_region(stage: str) -> None:
    """Raise CommandError if this account has the stage in another region: role names are unique in an account."""
    role = f"millrace-{stage}-api_handler"
    if _unless_missing("iam", "get_role", RoleName=role) is None:
        return
    iam = sdk.client("iam")
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = json.dumps(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
        for region in re.findall(r"arn:[\w-]+:sqs:([\w-]+):", document):
            if region != sdk.client("sqs").meta.region_name:
                raise CommandError(
                    f"This account has the stage {stage} in {region}, and its roles have the stage's name. "
                    f"Choose another name here, or set AWS_REGION={region}."
                )


def _function_arn(name: str, stage: str) -> str | None:
    """Return the ARN of a function, or None. Raises CommandError if it belongs to another stage."""
    answer = _unless_missing("lambda", "get_function_configuration", FunctionName=name)
    if answer is None:
        return None
    owner = answer.get("Environment", {}).get("Variables", {}).get("STACK_NAME")
    if owner != f"millrace-{stage}":
        raise CommandError(f"The function {name} does not belong to the stage {stage}, but to {owner}.")
    return str(answer["FunctionArn"])


def _role(name: str, role: str) -> list[_RESOURCE]:
    answer = _unless_missing("iam", "get_role", RoleName=role)
    if answer is None:
        return []
    return [{"name": name, "resource_type": "iam_role", "role_arn": answer["Role"]["Arn"], "role_name": role}]


def _trigger(function: str, arn: str) -> list[_RESOURCE]:
    mappings = sdk.client("lambda").list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    return [
        {
            "name": "process-sqs-event-source",
            "resource_type": "sqs_event",
            "queue_arn": mapping["EventSourceArn"],
            "event_uuid": mapping["UUID"],
            "queue": mapping["EventSourceArn"].rsplit(":", 1)[-1],
            "lambda_arn": arn,
        }
        for mapping in mappings[:1]
    ]


def _rule(name: str) -> list[_RESOURCE]:
    if _unless_missing("events", "describe_rule", Name=name) is None:
        return []
    return [{"name": "aggregate-event", "resource_type": "cloudwatch_event", "rule_name": name}]


def _rest_api(stage: str) -> list[_RESOURCE]:
    """Return the API that has the stage. All APIs have the application's name."""
    gateway = sdk.client("apigateway")
    for page in gateway.get_paginator("get_rest_apis").paginate():
        for api in [each["id"] for each in page["items"] if each["name"] == "millrace"]:
            if any(each["stageName"] == stage for each in gateway.get_stages(restApiId=api)["item"]):
                url = f"https://{api}.execute-api.{gateway.meta.region_name}.amazonaws.com/{stage}/"
                return [{"name": "rest_api", "resource_type": "rest_api", "rest_api_id": api, "rest_api_url": url}]
    return []


def _unless_missing(service: str, call: str, **arguments: Any) -> _RESOURCE | None:
    try:
        answer: _RESOURCE = getattr(sdk.client(service), call)(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ResourceNotFoundException", "NoSuchEntity", "NotFoundException"):
            return None
        raise
    return answer
