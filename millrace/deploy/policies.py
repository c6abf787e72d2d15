"""Makes the IAM policy of each deployed function, from the calls and resources in rights.py.

Chalice's policy builder turns calls into IAM actions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from chalice.constants import SQS_EVENT_SOURCE_POLICY
from chalice.policy import PolicyBuilder, load_api_policy_actions, load_custom_policy_actions

from chalicelib.core.table_keys import OPERATORS_PARTITIONS
from millrace.deploy.rights import RIGHTS, Right

Policy = dict[str, Any]

# Chalice's tables are from 2022 and lack PartiQL:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html
_NEWER_ACTIONS = {"dynamodb": {"partiql_insert": ["dynamodb:PartiQLInsert"]}}

# The writes that have the condition key dynamodb:LeadingKeys, in single calls, batches and transactions:
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
_WRITES = [
    f"dynamodb:{name}"
    for name in (
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "BatchWriteItem",
        "PartiQLInsert",
        "PartiQLUpdate",
        "PartiQLDelete",
    )
]
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
_PARTITIONS = "dynamodb:LeadingKeys"


def arns(environment: Mapping[str, str], stage: str) -> dict[str, str]:
    """Return the ARN of each resource by its name in rights.py, and the prefix of all log groups as `logs`."""
    topic = environment["TOPIC_ARN"]
    _, partition, _, region, account, _ = topic.split(":", 5)
    here = f"{region}:{account}"
    logs = f"arn:{partition}:logs:{here}:log-group:/aws/lambda/millrace-{stage}"
    return {
        "queue": f"arn:{partition}:sqs:{here}:{environment['QUEUE_URL'].rsplit('/', 1)[-1]}",
        "dead letters": f"arn:{partition}:sqs:{here}:{environment['DEAD_LETTER_URL'].rsplit('/', 1)[-1]}",
        "table": f"arn:{partition}:dynamodb:{here}:table/{environment['TABLE_NAME']}",
        "archive": f"arn:{partition}:s3:::{environment['BUCKET_NAME']}",
        "topic": topic,
        "metrics": "*",  # CloudWatch has no finer permission
        "logs": logs,
        "API's log": f"{logs}:*",
        "processor's log": f"{logs}-process:*",
    }


def policies(environment: Mapping[str, str], stage: str) -> dict[str, Policy]:
    """Return the policy of each deployed function of a stage, by the function's name."""
    names = arns(environment, stage)
    return {function: _policy(function, rights, names) for function, rights in RIGHTS.items()}


def _policy(function: str, rights: list[Right], names: Mapping[str, str]) -> Policy:
    statements = [_statement(right, names) for right in rights]
    if function == "process":
        # Lambda's poller uses the role of the function that it calls.
        statements.append(_allow("Poller", sorted(SQS_EVENT_SOURCE_POLICY["Action"]), [names["queue"]]))
    statements.append(_operators_alone(names["table"]))
    # The stack makes the log groups with a retention, so functions need no right to make others.
    suffix = "" if function == "api_handler" else f"-{function}"  # as Chalice names functions
    statements.append(_allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{names['logs']}{suffix}:*"]))
    return {"Version": "2012-10-17", "Statement": statements}


def _statement(right: Right, names: Mapping[str, str]) -> Policy:
    resources = [names[right.resource] + (f"/{folder}/*" if folder else "") for folder in right.folders or ("",)]
    words = (right.resource, *right.folders, right.partition.strip("*#"), *right.calls)
    statement = _allow("".join(_capitalised(word) for word in words), actions(right), resources)
    if right.partition:
        # ForAllValues alone would also allow a request that names no keys.
        statement["Condition"] = {
            "ForAllValues:StringLike": {_PARTITIONS: [right.partition]},
            "Null": {_PARTITIONS: "false"},
        }
    return statement


def _operators_alone(table: str) -> Policy:
    """Return the statement that forbids writes to the operators' partitions, also in transactions."""
    return {
        "Sid": "OperatorsAlone",
        "Effect": "Deny",
        "Action": _WRITES,
        "Resource": [table],
        "Condition": {"ForAnyValue:StringLike": {_PARTITIONS: list(OPERATORS_PARTITIONS)}},
    }


def actions(right: Right) -> list[str]:
    """Return the IAM actions that the calls of a right need."""
    (statement,) = _builder().build_policy_from_api_calls({right.service: set(right.calls)})["Statement"]
    return sorted(set(statement["Action"]))


@cache
def _builder() -> PolicyBuilder:
    """Return Chalice's policy builder. It is cached: reading its tables takes longer than building all policies."""
    custom = load_custom_policy_actions()
    for service, newer in _NEWER_ACTIONS.items():
        custom[service] = custom.get(service, {}) | newer
    return PolicyBuilder(api_policy_actions=load_api_policy_actions(), custom_policy_actions=custom)


def _capitalised(words: str) -> str:
    """Return words as one capitalised word: the id of a statement takes only letters and digits."""
    return "".join(word.title() for word in words.replace("_", " ").replace("'", "").split())


def _allow(sid: str, allowed: list[str], resources: list[str]) -> Policy:
    return {"Sid": sid, "Effect": "Allow", "Action": allowed, "Resource": resources}


def policy_file(stage: str, function: str) -> str:
    """Return the name of a function's policy below .chalice/."""
    return f"policy-{stage}-{function}.json"


def stale(project: Path, environment: Mapping[str, str], stage: str) -> list[str]:
    """Return the functions whose policy file is missing or differs from rights.py."""
    return [
        function
        for function, policy in policies(environment, stage).items()
        if _read(project / ".chalice" / policy_file(stage, function)) != policy
    ]


def write(project: Path, environment: Mapping[str, str], stage: str) -> list[str]:
    """Write the policy files of a stage. Return the names of their functions."""
    made = policies(environment, stage)
    for function, policy in made.items():
        path = project / ".chalice" / policy_file(stage, function)
        path.write_text(json.dumps(policy, indent=2) + "\n")
    return list(made)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
