"""Settings that Chalice cannot make, made after it: safe to repeat, and kept by later deployments."""

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

# A person reads it in CloudWatch. The route stands for the path: paths hold write keys, and ids of chunks and events
# hold those of users. Queries hold both and are left out.
ACCESS_LOG_FORMAT = (
    '{"requestId":"$context.requestId","time":"$context.requestTime","method":"$context.httpMethod",'
    '"path":"$context.resourcePath","status":"$context.status","latency":"$context.responseLatency",'
    '"bytes":"$context.responseLength","error":"$context.error.message"}'
)

#: JSON logs, and of Lambda's own lines only warnings: three lines a call would cost more than the call's logs.
LOGGING = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN"}
INVOKING = {
    "MaximumRetryAttempts": retries.SCHEDULED.attempts - 1,
    "MaximumEventAgeInSeconds": SCHEDULE_MINUTES * 60,
}
FUNCTIONS = ("api_handler", "process", "aggregate")


def finish(
    stage: str, environment: Mapping[str, str], resources: Mapping[str, Mapping[str, Any]], say: Callable[[str], None]
) -> None:
    """`environment`: of the functions; `resources`: what Chalice deployed, by its names."""
    say("Setting what Chalice leaves open ...")
    for function in FUNCTIONS:
        _log_as_json(resources[function]["lambda_arn"])
    aggregator = resources["aggregate"]["lambda_arn"]
    sdk.client("lambda").put_function_event_invoke_config(FunctionName=aggregator, **INVOKING)
    # The first run of a new schedule comes after its first period: the alarm on a silent aggregator need not wait.
    sdk.client("lambda").invoke(FunctionName=aggregator, InvocationType="Event", Payload=json.dumps(scheduled_event()))
    api = resources["rest_api"]["rest_api_id"]
    _put_answers(stage, api)
    _throttle(stage, api, Throttle.from_environ(environment))
    _log_access(stage, api, resources["api_handler"]["lambda_arn"], say)


def confirm_mails(topic_arn: str, parameters: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Ask the alarms' address again to confirm, if it has let the first mail expire.

    Its link is valid for two days, and CloudFormation sends no second one:
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
    """Whether the account lets API Gateway write logs. False too where that cannot be asked.

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
    """Have API Gateway say its own errors as we do; each deployment by Chalice makes it forget how."""
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
