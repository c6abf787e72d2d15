"""The rights of each deployed function: the actions its code needs, on its own stage's resources.

Chalice's policy builder turns the calls that calls.py found into IAM actions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from chalice.constants import SQS_EVENT_SOURCE_POLICY
from chalice.policy import PolicyBuilder, load_api_policy_actions, load_custom_policy_actions

from chalicelib.core import table_keys
from millrace.deploy.calls import FOLDER, RESOURCE, Calls, reachable_calls

Policy = dict[str, Any]

# What Chalice's tables of 2022 lack. IAM asks for the first four by what a statement or transaction contains:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html and transaction-apis-iam.html
_NEWER_ACTIONS = {
    "dynamodb": {
        **{f"partiql_{verb}": [f"dynamodb:PartiQL{verb.title()}"] for verb in ("insert", "update", "delete", "select")},
        "condition_check_item": ["dynamodb:ConditionCheckItem"],
    },
    "sns": {"publish_batch": ["sns:Publish"]},
}


# What faces the internet writes no events, counters or reports: each action only in these partitions.
_PARTITIONS_OF_API = {
    "dynamodb:PutItem": table_keys.rejections_partition("*"),
    "dynamodb:UpdateItem": table_keys.quota("*", "").pk,
    "dynamodb:DeleteItem": "none",
}
_SEND = "sqs:SendMessage"


def arns(environment: Mapping[str, str], stage: str) -> dict[str, str]:
    """The ARN of each resource, by the setting that names it to the functions; and of all log groups, by prefix."""
    topic = environment["TOPIC_ARN"]
    _, partition, _, region, account, _ = topic.split(":", 5)
    here = f"{region}:{account}"
    return {
        "queue_url": f"arn:{partition}:sqs:{here}:{environment['QUEUE_URL'].rsplit('/', 1)[-1]}",
        "dead_letter_url": f"arn:{partition}:sqs:{here}:{environment['DEAD_LETTER_URL'].rsplit('/', 1)[-1]}",
        "table_name": f"arn:{partition}:dynamodb:{here}:table/{environment['TABLE_NAME']}",
        "bucket_name": f"arn:{partition}:s3:::{environment['BUCKET_NAME']}",
        "topic_arn": topic,
        "stack_name": "*",  # metrics are no resources
        "logs": f"arn:{partition}:logs:{here}:log-group:/aws/lambda/millrace-{stage}",
    }


def policies(project: Path, environment: Mapping[str, str], stage: str) -> dict[str, Policy]:
    """The policy of each deployed function of a stage, by the function's name."""
    names = arns(environment, stage)
    return {
        function: _policy(function, calls, names, polls=function == "process")
        for function, calls in sorted(reachable_calls(project).items())
    }


def actions(calls: Calls) -> dict[str, list[str]]:
    """The IAM actions of calls, by service."""
    custom = load_custom_policy_actions()
    for service, newer in _NEWER_ACTIONS.items():
        custom[service] = custom.get(service, {}) | newer
    builder = PolicyBuilder(api_policy_actions=load_api_policy_actions(), custom_policy_actions=custom)
    built = builder.build_policy_from_api_calls(calls)["Statement"]
    return {statement["Action"][0].split(":")[0]: sorted(set(statement["Action"])) for statement in built}


def _policy(function: str, calls: Calls, names: Mapping[str, str], *, polls: bool) -> Policy:
    allowed = actions(calls)
    if polls:
        allowed["sqs"] = sorted({*allowed.get("sqs", ()), *SQS_EVENT_SOURCE_POLICY["Action"]})
    statements = [
        statement
        for service in sorted(allowed)
        for statement in _in_folders(calls[service], names)
        or [_allow(service, allowed[service], _resources(calls[service], names))]
    ]
    if function == "api_handler":
        statements = [part for statement in statements for part in _bounded(statement)]
        statements = [part for statement in statements for part in _sending_apart(statement, names["queue_url"])]
    # The stack makes the log groups, so that they have a retention: no right to make others.
    suffix = "" if function == "api_handler" else f"-{function}"  # as Chalice names functions
    statements.append(_allow("logs", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{names['logs']}{suffix}:*"]))
    return {"Version": "2012-10-17", "Statement": statements}


def _bounded(statement: Policy) -> list[Policy]:
    """A statement, and each of its writes to the table as one of its own, bound to a partition of every project.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
    """
    free = [action for action in statement["Action"] if action not in _PARTITIONS_OF_API]
    bound = [
        _allow(action.replace(":", " "), [action], statement["Resource"])
        | {"Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [_PARTITIONS_OF_API[action]]}}}
        for action in statement["Action"]
        if action not in free
    ]
    return [statement | {"Action": free}, *bound] if free else bound


def _sending_apart(statement: Policy, queue: str) -> list[Policy]:
    """A statement, and sending as one of its own, to the queue alone: dead letters are only counted."""
    others = [action for action in statement["Action"] if action != _SEND]
    if others == statement["Action"] or not others:
        return [statement]
    return [statement | {"Action": others}, _allow(_SEND.replace(":", " "), [_SEND], [queue])]


def _resources(calls: set[str], names: Mapping[str, str]) -> list[str]:
    return sorted(names[call.removeprefix(RESOURCE)] for call in calls if call.startswith(RESOURCE))


def _in_folders(calls: set[str], names: Mapping[str, str]) -> list[Policy]:
    """A statement for the folders of the bucket in which the same is done; none where no folder is named."""
    folders: dict[str, set[str]] = {}
    for call in calls:
        if call.startswith(FOLDER):
            folder, _, name = call.removeprefix(FOLDER).partition("__")
            folders.setdefault(folder, set()).add(name)
    together: dict[tuple[str, ...], list[str]] = {}
    for folder, done in sorted(folders.items()):
        together.setdefault(tuple(actions({"s3": done})["s3"]), []).append(folder)
    return [
        _allow(
            " ".join(["s3", *group]),
            list(allowed),
            [f"{bucket}/{folder}/*" for bucket in _resources(calls, names) for folder in group],
        )
        for allowed, group in together.items()
    ]


def _allow(service: str, allowed: list[str], resources: Iterable[str]) -> Policy:
    return {"Sid": service.title().replace(" ", ""), "Effect": "Allow", "Action": allowed, "Resource": list(resources)}


def policy_file(stage: str, function: str) -> str:
    """The name of a function's policy below .chalice/."""
    return f"policy-{stage}-{function}.json"


def stale(project: Path, environment: Mapping[str, str], stage: str) -> list[str]:
    """The functions whose policy file is missing or not what the code needs."""
    return [
        function
        for function, policy in policies(project, environment, stage).items()
        if _read(project / ".chalice" / policy_file(stage, function)) != policy
    ]


def write(project: Path, environment: Mapping[str, str], stage: str) -> list[str]:
    """Write the policy files of a stage; answers the functions, each with a file."""
    made = policies(project, environment, stage)
    for function, policy in made.items():
        path = project / ".chalice" / policy_file(stage, function)
        path.write_text(json.dumps(policy, indent=2) + "\n")
    return list(made)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
