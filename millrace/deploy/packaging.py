"""A stage's functions as a template, for those who deploy from a pipeline: what `deploy` does, said in SAM."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from millrace import gateway
from millrace.deploy import bytecode, deployment, finishing, policies, stages


def package(project: Path, stage: str, folder: Path) -> None:
    """Write sam.json and deployment.zip. Raises Failure where the stage's stack cannot be read."""
    environment = deployment.outputs(project, stage)
    stages.record(project, stage, environment, policies.write(project, environment, stage))
    bytecode.write(project)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as merged:
        json.dump(additions(stage, environment["TOPIC_ARN"]), merged)
        merged.flush()
        deployment.chalice(project, "package", "--stage", stage, "--merge-template", merged.name, str(folder))


def additions(stage: str, topic_arn: str) -> dict[str, Any]:
    """What is merged into Chalice's template: names that log groups and alarms know, and what finishing.py sets."""
    _, partition, _, region, account, _ = topic_arn.split(":", 5)
    name = f"millrace-{stage}"
    functions = {"APIHandler": name, "Process": f"{name}-process", "Aggregate": f"{name}-aggregate"}
    resources: dict[str, Any] = {
        resource: {"Properties": {"FunctionName": function, "LoggingConfig": finishing.LOGGING}}
        for resource, function in functions.items()
    }
    resources["Aggregate"]["Properties"]["EventInvokeConfig"] = finishing.INVOKING
    throttling = {"ThrottlingRateLimit": finishing.REQUESTS_A_SECOND, "ThrottlingBurstLimit": finishing.BURST}
    access_log = {
        "DestinationArn": f"arn:{partition}:logs:{region}:{account}:log-group:/aws/apigateway/{name}",
        "Format": finishing.ACCESS_LOG_FORMAT,
    }
    settings = {"MethodSettings": [{"ResourcePath": "/*", "HttpMethod": "*", **throttling}]}
    answers = {"DefinitionBody": {"x-amazon-apigateway-gateway-responses": gateway.RESPONSES}}
    resources["RestAPI"] = {"Properties": {**settings, **answers, "AccessLogSetting": access_log}}
    return {"Resources": resources}
