"""Writes a stage's functions as a SAM template, for deployments by other tools. It matches what `deploy` does."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chalicelib.settings import Throttle
from millrace import gateway
from millrace.deploy import bytecode, deployment, finishing, policies, stages


def package(project: Path, stage: str, folder: Path, *, with_access_log: bool) -> None:
    """Write sam.json and deployment.zip. Raises CommandError if the stage's stack cannot be read."""
    environment = deployment.outputs(project, stage)
    stages.record(project, stage, environment, policies.write(project, environment, stage))
    bytecode.write(project)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as merged:
        json.dump(additions(stage, environment, with_access_log=with_access_log), merged)
        merged.flush()
        deployment.chalice(project, "package", "--stage", stage, "--merge-template", merged.name, str(folder))


def additions(stage: str, environment: Mapping[str, str], *, with_access_log: bool) -> dict[str, Any]:
    """Return additions to Chalice's template: the names that log groups and alarms use, and finishing.py's settings."""
    _, partition, _, region, account, _ = environment["TOPIC_ARN"].split(":", 5)
    name = f"millrace-{stage}"
    functions = {"APIHandler": name, "Process": f"{name}-process", "Aggregate": f"{name}-aggregate"}
    resources: dict[str, Any] = {
        resource: {"Properties": {"FunctionName": function, "LoggingConfig": finishing.LOGGING}}
        for resource, function in functions.items()
    }
    resources["Aggregate"]["Properties"]["EventInvokeConfig"] = finishing.INVOKING
    throttle = Throttle.from_environ(environment)
    throttling = {"ThrottlingRateLimit": throttle.requests_a_second, "ThrottlingBurstLimit": throttle.burst}
    access_log = {
        "DestinationArn": f"arn:{partition}:logs:{region}:{account}:log-group:/aws/apigateway/{name}",
        "Format": finishing.ACCESS_LOG_FORMAT,
    }
    settings = {"MethodSettings": [{"ResourcePath": "/*", "HttpMethod": "*", **throttling}]}
    answers = {"DefinitionBody": {"x-amazon-apigateway-gateway-responses": gateway.RESPONSES}}
    # Without the version, SAM makes a second stage, named Stage, which is not throttled.
    resources["RestAPI"] = {"Properties": {**settings, **answers, "OpenApiVersion": "2.0"}}
    if with_access_log:
        resources["RestAPI"]["Properties"]["AccessLogSetting"] = access_log
    return {"Resources": resources}
