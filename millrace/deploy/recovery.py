"""Finds in the account what Chalice deployed, where its own note of it is missing.

Chalice notes what it made in .chalice/deployed/STAGE.json, on one machine. Without the note a second
deployment would make a second API, and a second trigger for the queue. The note is made anew from the
names, which Chalice derives from the application's and the stage's.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

_RESOURCE = dict[str, Any]


def deployed_file(project: Path, stage: str) -> Path:
    return project / ".chalice" / "deployed" / f"{stage}.json"


def recover(project: Path, stage: str) -> bool:
    """Write the note if it is missing and the stage was deployed; says whether it did."""
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
    """What there is of a stage, as Chalice notes it."""
    functions = {
        "api_handler": f"millrace-{stage}",
        "process": f"millrace-{stage}-process",
        "aggregate": f"millrace-{stage}-aggregate",
    }
    found: list[_RESOURCE] = []
    for function, name in functions.items():
        found += _role(f"{function}_role", f"millrace-{stage}-{function}")
        if arn := _function_arn(name):
            found.append({"name": function, "resource_type": "lambda_function", "lambda_arn": arn})
            if function == "process":
                found += _trigger(name, arn)
            elif function == "aggregate":
                found += _rule(f"millrace-{stage}-aggregate-event")
            else:
                found += _rest_api(name, stage)
    return found


def _function_arn(name: str) -> str | None:
    answer = _unless_missing("lambda", "get_function_configuration", FunctionName=name)
    return str(answer["FunctionArn"]) if answer else None


def _role(name: str, role: str) -> list[_RESOURCE]:
    answer = _unless_missing("iam", "get_role", RoleName=role)
    if answer is None:
        return []
    return [{"name": name, "resource_type": "iam_role", "role_arn": answer["Role"]["Arn"], "role_name": role}]


def _trigger(function: str, arn: str) -> list[_RESOURCE]:
    mappings = boto3.client("lambda").list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
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


def _rest_api(function: str, stage: str) -> list[_RESOURCE]:
    """The API that may invoke the function: APIs themselves are all named after the application."""
    policy = _unless_missing("lambda", "get_policy", FunctionName=function)
    gateway = boto3.client("apigateway")
    for api in dict.fromkeys(re.findall(r":execute-api:[^:]+:[^:]+:(\w+)/", policy["Policy"] if policy else "")):
        if _unless_missing("apigateway", "get_rest_api", restApiId=api):
            url = f"https://{api}.execute-api.{gateway.meta.region_name}.amazonaws.com/{stage}/"
            return [{"name": "rest_api", "resource_type": "rest_api", "rest_api_id": api, "rest_api_url": url}]
    return []


def _unless_missing(service: str, call: str, **arguments: Any) -> _RESOURCE | None:
    try:
        answer: _RESOURCE = getattr(boto3.client(service), call)(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ResourceNotFoundException", "NoSuchEntity", "NotFoundException"):
            return None
        raise
    return answer
