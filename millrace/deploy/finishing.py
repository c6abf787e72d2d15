"""Settings that Chalice cannot make, made after it: safe to repeat, and kept by later deployments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import ClientError

from chalicelib.adapters.aws import retrying
from chalicelib.core import retries
from chalicelib.settings import SCHEDULE_MINUTES
from millrace import gateway

# Of the API as a whole. An account's own limit is 10,000 a second with a burst of 5,000, which one leaked
# address must not use up: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
REQUESTS_A_SECOND = 500
BURST = 1000

# A person reads it in CloudWatch; the request's path holds no personal data, its query may, and is left out.
ACCESS_LOG_FORMAT = (
    '{"requestId":"$context.requestId","time":"$context.requestTime","method":"$context.httpMethod",'
    '"path":"$context.path","status":"$context.status","latency":"$context.responseLatency",'
    '"bytes":"$context.responseLength","error":"$context.error.message"}'
)

#: JSON logs, and of Lambda's own lines only warnings: three lines a call would cost more than the call's logs.
LOGGING = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN"}
INVOKING = {
    "MaximumRetryAttempts": retries.SCHEDULED.attempts - 1,
    "MaximumEventAgeInSeconds": SCHEDULE_MINUTES * 60,
}
FUNCTIONS = ("api_handler", "process", "aggregate")


def finish(stage: str, resources: dict[str, dict[str, Any]], say: Callable[[str], None]) -> None:
    """`resources`: what Chalice deployed, by its names."""
    say("Setting what Chalice leaves open ...")
    for function in FUNCTIONS:
        _log_as_json(resources[function]["lambda_arn"])
    aggregator = resources["aggregate"]["lambda_arn"]
    boto3.client("lambda").put_function_event_invoke_config(FunctionName=aggregator, **INVOKING)
    api = resources["rest_api"]["rest_api_id"]
    _put_answers(stage, api)
    _bound_api(stage, api, resources["api_handler"]["lambda_arn"], say)


def _log_as_json(function: str) -> None:
    functions = boto3.client("lambda")
    functions.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    functions.update_function_configuration(FunctionName=function, LoggingConfig=LOGGING)


def _put_answers(stage: str, api: str) -> None:
    """Have API Gateway say its own errors as we do; each deployment by Chalice makes it forget how."""
    client = boto3.client("apigateway", config=retrying(retries.DEPLOY))
    for kind, response in gateway.RESPONSES.items():
        client.put_gateway_response(restApiId=api, responseType=kind, **response)
    client.create_deployment(restApiId=api, stageName=stage)


def _bound_api(stage: str, api: str, function: str, say: Callable[[str], None]) -> None:
    client = boto3.client("apigateway")
    settings = {
        "/*/*/throttling/rateLimit": str(REQUESTS_A_SECOND),
        "/*/*/throttling/burstLimit": str(BURST),
    }
    client.update_stage(restApiId=api, stageName=stage, patchOperations=_replace(settings))
    _, partition, _, region, account, _, name = function.split(":")
    group = f"arn:{partition}:logs:{region}:{account}:log-group:/aws/apigateway/{name}"
    access_log = {"/accessLogSettings/destinationArn": group, "/accessLogSettings/format": ACCESS_LOG_FORMAT}
    try:
        client.update_stage(restApiId=api, stageName=stage, patchOperations=_replace(access_log))
    except ClientError as error:
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
        say(f"No access log: {error.response['Error']['Message']}. docs/deploying.md says how to allow it once.")


def _replace(settings: dict[str, str]) -> list[dict[str, str]]:
    return [{"op": "replace", "path": path, "value": value} for path, value in settings.items()]
