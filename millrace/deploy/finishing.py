"""Makes the settings that Chalice cannot make, after it has deployed. Safe to repeat; later deployments keep them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.aws import retrying
from chalicelib.core import retries
from chalicelib.settings import SCHEDULE_MINUTES, Throttle
from millrace import gateway, sdk
from millrace.scheduled_event import scheduled_event

# People read this log in CloudWatch. It has the route instead of the path: paths contain write keys, and the ids of
# chunks and events contain ids of users. Queries contain both, and are left out.
ACCESS_LOG_FORMAT = (
    '{"requestId":"$context.requestId","time":"$context.requestTime","method":"$context.httpMethod",'
    '"path":"$context.resourcePath","status":"$context.status","latency":"$context.responseLatency",'
    '"bytes":"$context.responseLength","error":"$context.error.message"}'
)

#: JSON logs. Lambda itself logs only warnings: its three lines for each call would cost more than our own logs.
LOGGING = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN"}
INVOKING = {
    "MaximumRetryAttempts": retries.SCHEDULED.attempts - 1,
    "MaximumEventAgeInSeconds": SCHEDULE_MINUTES * 60,
}
FUNCTIONS = ("api_handler", "process", "aggregate")


def finish(
    stage: str, environment: Mapping[str, str], resources: Mapping[str, Mapping[str, Any]], say: Callable[[str], None]
) -> None:
    """Make the settings. `environment`: the functions' variables. `resources`: Chalice's resources, by name."""
    say("Making the settings that Chalice lacks ...")
    for function in FUNCTIONS:
        _log_as_json(resources[function]["lambda_arn"])
    aggregator = resources["aggregate"]["lambda_arn"]
    sdk.client("lambda").put_function_event_invoke_config(FunctionName=aggregator, **INVOKING)
    # A new schedule starts its first run after one period. Run the aggregator now, so that the alarm on a silent
    # aggregator can end.
    sdk.client("lambda").invoke(FunctionName=aggregator, InvocationType="Event", Payload=json.dumps(scheduled_event()))
    api = resources["rest_api"]["rest_api_id"]
    _put_answers(stage, api)
    _throttle(stage, api, Throttle.from_environ(environment))
    _log_access(stage, api, resources["api_handler"]["lambda_arn"], say)


def confirm_mails(topic_arn: str, parameters: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Send the alarms' address a new mail to confirm, if the first one has expired.

    A mail's link is valid for two days, and CloudFormation sends no second one:
    https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
    """
    address = parameters.get("AlarmEmail")
    if not address:
        return
    topic = topic_arn.removesuffix("-reports") + "-alarms"
    sns = sdk.client("sns")
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    if address not in [each["Endpoint"] for page in pages for each in page["Subscriptions"]]:
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address)
        say(f"{address} gets another mail to confirm.")


def may_log_access() -> bool:
    """Return whether the account lets API Gateway write logs; False if that cannot be read.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    """
    try:
        return bool(sdk.client("apigateway").get_account().get("cloudwatchRoleArn"))
    except (BotoCoreError, ClientError):
        return False


def _log_as_json(function: str) -> None:
    functions = sdk.client("lambda")
    functions.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    functions.update_function_configuration(FunctionName=function, LoggingConfig=LOGGING)


def _put_answers(stage: str, api: str) -> None:
    """Give API Gateway's own errors the form of ours. Each deployment by Chalice resets this."""
    client = sdk.client("apigateway", config=retrying(retries.DEPLOY))
    for kind, response in gateway.RESPONSES.items():
        client.put_gateway_response(restApiId=api, responseType=kind, **response)
    client.create_deployment(restApiId=api, stageName=stage)


def _throttle(stage: str, api: str, throttle: Throttle) -> None:
    settings = {
        "/*/*/throttling/rateLimit": str(throttle.requests_a_second),
        "/*/*/throttling/burstLimit": str(throttle.burst),
    }
    sdk.client("apigateway").update_stage(restApiId=api, stageName=stage, patchOperations=_replace(settings))


def _log_access(stage: str, api: str, function: str, say: Callable[[str], None]) -> None:
    _, partition, _, region, account, _, name = function.split(":")
    group = f"arn:{partition}:logs:{region}:{account}:log-group:/aws/apigateway/{name}"
    access_log = {"/accessLogSettings/destinationArn": group, "/accessLogSettings/format": ACCESS_LOG_FORMAT}
    try:
        sdk.client("apigateway").update_stage(restApiId=api, stageName=stage, patchOperations=_replace(access_log))
    except ClientError as error:
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
        say(f"No access log: {error.response['Error']['Message']}. docs/deploying.md says how to allow it once.")


def _replace(settings: dict[str, str]) -> list[dict[str, str]]:
    return [{"op": "replace", "path": path, "value": value} for path, value in settings.items()]
