"""Checks a deployed stage for silent failures. Each finding comes with advice."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core import retries
from chalicelib.errors import StoreFailed, UnknownFormat
from chalicelib.settings import Settings, Throttle, Trigger
from chalicelib.wiring import Pipeline
from millrace import gateway, sdk
from millrace.deploy import account, policies
from millrace.deploy.finishing import FUNCTIONS
from millrace.stack import Stack

# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html: six times the function's timeout.
_VISIBILITY_FACTOR = 6
# With bytecode, a package has about 3.5 MB. boto3, which Lambda provides, would add 15.
_MOST_PACKAGE_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class Finding:
    """The result of a check: what is wrong and what to do, or empty texts if all is well."""

    check: str
    wrong: str = ""
    advice: str = ""


@dataclass(frozen=True)
class Stage:
    """A deployed stage: its name, its checkout, the recorded outputs of its stack, and Chalice's resources."""

    name: str
    project: Path
    environment: Mapping[str, str]
    resources: Mapping[str, Mapping[str, Any]]

    @property
    def stack_name(self) -> str:
        return f"millrace-{self.name}"


def examine(stage: Stage) -> Iterator[Finding]:
    """Yield the findings of all checks. A check that AWS does not allow is a finding too."""
    for check in CHECKS:
        name = (check.__doc__ or "").strip()
        try:
            wrong = list(check(stage))
        except (BotoCoreError, ClientError, StoreFailed) as error:
            wrong = [(f"It could not be checked: {error}", "Run this command with rights to read the account.")]
        yield from (Finding(name, *each) for each in wrong or [("", "")])


Wrong = Iterator[tuple[str, str]]


def _redeploy(stage: Stage) -> str:
    return f"Run millrace deploy --stage {stage.name}."


def is_closed(stage: Stage) -> Wrong:
    """The stage requires keys"""
    for function in FUNCTIONS:
        if _variables(stage, function).get("OPEN_STAGE", "").lower() == "true":
            where = ".chalice/config.json"
            yield (
                f"{function} is declared open: everybody may write and read.",
                f"If you do not want this, remove OPEN_STAGE from {where} and run chalice deploy --stage {stage.name}.",
            )
            return


def has_its_environment(stage: Stage) -> Wrong:
    """The functions know the stack's resources"""
    outputs = Stack(stage.stack_name).environment()
    for function in FUNCTIONS:
        known = _variables(stage, function)
        for name, value in outputs.items():
            if known.get(name) != value:
                yield f"{function} has {name}={known.get(name)}, but the stack has {value}.", _redeploy(stage)


def trigger_is_whole(stage: Stage) -> Wrong:
    """One trigger takes chunks from the queue"""
    function = stage.resources["process"]["lambda_arn"]
    mappings = sdk.client("lambda").list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    if len(mappings) != 1:
        yield (
            f"The function process has {len(mappings)} triggers.",
            _redeploy(stage) if not mappings else "Delete all but one in the Lambda console, then deploy.",
        )
    for mapping in mappings:
        if mapping.get("State") not in ("Enabled", "Enabling", "Updating", "Creating"):
            yield f"The trigger is {mapping.get('State')}.", "Enable it in the Lambda console. Until then, chunks wait."
        if not mapping.get("ScalingConfig", {}).get("MaximumConcurrency"):
            yield "The trigger may take all of the account's concurrency.", _redeploy(stage)


def messages_wait_long_enough(stage: Stage) -> Wrong:
    """A message stays hidden for six times the processor's timeout, plus the time in which a batch is gathered"""
    timeout = _configuration(stage, "process")["Timeout"]
    window = Trigger.from_environ(stage.environment).window_seconds
    where = f"stages.{stage.name}.stack_parameters of .chalice/config.json"
    hidden = int(_queue(stage, "QUEUE_URL").get("VisibilityTimeout", 0))
    if hidden < _VISIBILITY_FACTOR * timeout + window:
        yield (
            f"A message stays hidden for {hidden} s. A run may take {timeout} s, so work may be done twice.",
            f"Set VisibilitySeconds in {where} to {_VISIBILITY_FACTOR * timeout + window}. {_redeploy(stage)}",
        )


def dead_letters_are_kept(stage: Stage) -> Wrong:
    """The queue has a dead-letter queue, and there are no dead letters"""
    redrive = json.loads(_queue(stage, "QUEUE_URL").get("RedrivePolicy", "{}"))
    if not redrive.get("deadLetterTargetArn"):
        yield "The queue has no dead-letter queue.", _redeploy(stage)
    waiting = int(_queue(stage, "DEAD_LETTER_URL").get("ApproximateNumberOfMessages", 0))
    if waiting:
        yield f"{waiting} dead letters wait.", "See docs/operating.md#deadletters."


def table_is_safe(stage: Stage) -> Wrong:
    """The table expires old items, can be restored, and is protected against deletion"""
    client, name = sdk.client("dynamodb"), stage.environment["TABLE_NAME"]
    ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if ttl.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING") or ttl.get("AttributeName") != "x":
        yield "Nothing expires: storage grows for ever.", _redeploy(stage)
    backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    if backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
        yield "The table cannot be restored to a point in time.", _redeploy(stage)
    if not client.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled"):
        yield "The table can be deleted by mistake.", _redeploy(stage)


def data_format_is_known(stage: Stage) -> Wrong:
    """The stage's data has a format that this version knows"""
    try:
        Pipeline(Settings.from_environ(stage.environment), retries.TOOLBOX_CALL).checked()
    except UnknownFormat as error:
        yield error.message, "See docs/upgrading.md."


def archive_is_private(stage: Stage) -> Wrong:
    """The archive blocks public access"""
    s3, bucket = sdk.client("s3"), stage.environment["BUCKET_NAME"]
    try:
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
            raise
        block = {}
    if not all(block.get(name) for name in ("BlockPublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")):
        yield "The archive could be made public.", _redeploy(stage)


def package_is_ours(stage: Stage) -> Wrong:
    """The functions' packages are small, and built for this version of Python"""
    here = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for function in FUNCTIONS:
        configuration = _configuration(stage, function)
        if configuration["Runtime"] != here:
            yield (
                f"{function} runs on {configuration['Runtime']}, and a deployment from here would make it {here}.",
                "Deploy with the same Python everywhere. To set up the environment, run: make PYTHON=...",
            )
        if configuration["CodeSize"] > _MOST_PACKAGE_BYTES:
            yield (
                f"The package of {function} has {configuration['CodeSize'] / 1e6:.1f} MB: cold starts take longer.",
                "Remove the packages that the functions do not need from requirements.txt.",
            )


def rights_are_the_codes(stage: Stage) -> Wrong:
    """The functions' roles allow what the code needs, and nothing else"""
    iam = sdk.client("iam")
    for function, needed in policies.policies(stage.environment, stage.name).items():
        role = _configuration(stage, function)["Role"].rpartition("/")[2]  # SAM chooses its own role names
        found = [
            iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        ]
        attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        if found != [needed] or attached:
            yield f"The role {role} has other rights than the code of this checkout needs.", _redeploy(stage)


def alarms_reach_somebody(stage: Stage) -> Wrong:
    """Alarms exist and somebody receives them"""
    names = Stack(stage.stack_name).resources("AWS::CloudWatch::Alarm")
    alarms = sdk.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"] if names else []
    if not alarms:
        yield "There are no alarms.", _redeploy(stage)
    topics = {action for alarm in alarms for action in alarm["AlarmActions"]}
    for topic in sorted(topics):
        listed = sdk.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        if not any(each["SubscriptionArn"].startswith("arn:") for each in listed):
            yield (
                "Nobody has subscribed to the alarms, or nobody has confirmed the subscription.",
                f"Run millrace deploy --stage {stage.name} --alarm-email YOU@EXAMPLE.COM. Follow the link in the mail.",
            )
    ringing = sorted(alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM")
    if ringing:
        yield f"In alarm: {', '.join(ringing)}.", "docs/operating.md says what to do for each."


def api_is_bounded(stage: Stage) -> Wrong:
    """The API is throttled and keeps an access log"""
    api = stage.resources["rest_api"]["rest_api_id"]
    found = sdk.client("apigateway").get_stage(restApiId=api, stageName=stage.name)
    limits = found.get("methodSettings", {}).get("*/*", {})
    limit, wanted = limits.get("throttlingRateLimit"), Throttle.from_environ(stage.environment).requests_a_second
    if limit != wanted:
        yield f"The API takes {limit or 'any number of'} requests a second, not {wanted}.", _redeploy(stage)
    if not found.get("accessLogSettings", {}).get("destinationArn"):
        yield "There is no access log.", "docs/deploying.md says how to permit access logs in this account."


def account_has_room(stage: Stage) -> Wrong:
    """The account's limits leave room for the stage"""
    yield from account.shortages(stage.environment, stage.name)


def errors_have_one_form(stage: Stage) -> Wrong:
    """API Gateway's own errors have the form of the API's errors"""
    api = stage.resources["rest_api"]["rest_api_id"]
    # The whole list has about 20 entries; API Gateway does not use pages for it.
    answers = sdk.client("apigateway").get_gateway_responses(restApiId=api)["items"]
    found = {each["responseType"]: each for each in answers}
    if any(found.get(kind, {}) | response != found.get(kind) for kind, response in gateway.RESPONSES.items()):
        yield (
            "The errors have API Gateway's own form: 403 for an unknown path, and no code.",
            f"A plain chalice deploy causes this. {_redeploy(stage)}",
        )


def logs_end(stage: Stage) -> Wrong:
    """Logs expire"""
    logs = sdk.client("logs")
    for function in FUNCTIONS:
        name = "/aws/lambda/" + stage.resources[function]["lambda_arn"].rsplit(":", 1)[-1]
        groups = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        if not any(each["logGroupName"] == name and each.get("retentionInDays") for each in groups):
            yield f"{name} is missing, or keeps its lines for ever.", _redeploy(stage)


def is_of_this_region(stage: Stage) -> Wrong:
    """Your credentials are for the region of the stage"""
    region, here = stage.environment["TOPIC_ARN"].split(":")[3], sdk.client("sns").meta.region_name
    if region != here:
        yield f"The stage is in {region}, but your credentials are for {here}.", f"Set AWS_REGION={region}."


CHECKS: tuple[Callable[[Stage], Wrong], ...] = (
    is_of_this_region,
    is_closed,
    has_its_environment,
    trigger_is_whole,
    messages_wait_long_enough,
    dead_letters_are_kept,
    table_is_safe,
    data_format_is_known,
    archive_is_private,
    package_is_ours,
    rights_are_the_codes,
    alarms_reach_somebody,
    api_is_bounded,
    account_has_room,
    errors_have_one_form,
    logs_end,
)


def _configuration(stage: Stage, function: str) -> dict[str, Any]:
    arn = stage.resources[function]["lambda_arn"]
    return dict(sdk.client("lambda").get_function_configuration(FunctionName=arn))


def _variables(stage: Stage, function: str) -> dict[str, str]:
    return dict(_configuration(stage, function).get("Environment", {}).get("Variables", {}))


def _queue(stage: Stage, name: str) -> dict[str, str]:
    answer = sdk.client("sqs").get_queue_attributes(QueueUrl=stage.environment[name], AttributeNames=["All"])
    attributes: dict[str, str] = answer["Attributes"]
    return attributes
