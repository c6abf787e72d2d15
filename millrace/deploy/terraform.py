"""Writes a stage as Terraform files: Chalice's output, corrected, and stack.yaml for the resources with data."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chalicelib.settings import Throttle
from millrace import gateway
from millrace.deploy import bytecode, deployment, finishing, policies, stages

_ACCOUNT = "${data.aws_caller_identity.chalice.account_id}"
# Chalice uses `name`, which version 6 of the provider deprecates. Its successor is missing in version 5.
_REGION = "${data.aws_region.chalice.id}"
_HERE = f"${{data.aws_partition.chalice.partition}}:%s:{_REGION}:{_ACCOUNT}"
_OUTPUT = "${aws_cloudformation_stack.stage.outputs.%s}"
_VERSIONS = {"required_version": ">= 1.4.0", "required_providers": {"aws": {"source": "hashicorp/aws"}}}
_IS_NEW = {
    "type": "bool",
    "default": False,
    "description": "true for the first apply: no alarms and no protection yet. "
    "So a failed creation leaves nothing behind.",
}


def package(project: Path, stage: str, folder: Path, *, with_access_log: bool) -> None:
    """Write millrace.tf.json, stack.yaml and deployment.zip. Needs no AWS account. Raises CommandError."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = _names(stage)
    with tempfile.TemporaryDirectory() as copied:  # the checkout must not record this stage's names as deployed
        copy = Path(copied)
        _copy(project, copy)
        stages.record(copy, stage, environment, policies.write(copy, environment, stage))
        bytecode.write(copy)
        packaging = ("package", "--pkg-format", "terraform", "--stage", stage, str(folder))
        # Chalice requires a region but does not write it.
        deployment.chalice(copy, *packaging, AWS_DEFAULT_REGION=os.environ.get("AWS_DEFAULT_REGION", "us-east-1"))
    chalices = folder / "chalice.tf.json"
    mended = mend(
        json.loads(chalices.read_text()),
        stage,
        parameters=deployment.parameters(project, stage, watched=True, protected=True),
        throttle=Throttle.from_environ(stages.chosen(project, stage)),
        with_access_log=with_access_log,
    )
    chalices.unlink()
    (folder / "millrace.tf.json").write_text(json.dumps(mended, indent=2) + "\n")
    shutil.copy(project / "stack.yaml", folder)


def _copy(project: Path, copy: Path) -> None:
    """Copy the files that Chalice packages or reads."""
    (copy / ".chalice").mkdir()
    for name in ("app.py", "requirements.txt", ".chalice/config.json"):
        shutil.copy(project / name, copy / name)
    shutil.copytree(project / "chalicelib", copy / "chalicelib")


def _names(stage: str) -> dict[str, str]:
    """Return the environment of a stage that may not exist yet. Its resources have predictable names."""
    name = f"millrace-{stage}"
    return {
        "STACK_NAME": name,
        "QUEUE_URL": f"{name}-chunks",
        "DEAD_LETTER_URL": f"{name}-dead-letters",
        "TABLE_NAME": f"{name}-table",
        "BUCKET_NAME": f"{name}-{_ACCOUNT}-{_REGION}",
        "TOPIC_ARN": f"arn:{_HERE % 'sns'}:{name}-reports",
    }


def mend(
    files: dict[str, Any], stage: str, *, parameters: Mapping[str, str], throttle: Throttle, with_access_log: bool
) -> dict[str, Any]:
    """Return Chalice's output as current Terraform accepts it, with the stack and finishing.py's settings."""
    resource = files["resource"]
    name = f"millrace-{stage}"
    resource["aws_cloudformation_stack"] = {
        "stage": {
            "name": name,
            "template_body": '${file("${path.module}/stack.yaml")}',
            "parameters": {**parameters, "Watched": "${!var.is_new}", "Protected": "${!var.is_new}"},
        }
    }
    for function in resource["aws_lambda_function"].values():
        outputs = {each: _OUTPUT % each.title().replace("_", "") for each in [*_names(stage), "MAX_DELIVERIES"]}
        function["environment"]["variables"] |= outputs
        function["logging_config"] = {
            "log_format": finishing.LOGGING["LogFormat"],
            "application_log_level": finishing.LOGGING["ApplicationLogLevel"],
            "system_log_level": finishing.LOGGING["SystemLogLevel"],
        }
    resource["aws_lambda_function_event_invoke_config"] = {
        "aggregate": {
            "function_name": "${aws_lambda_function.aggregate.function_name}",
            "maximum_retry_attempts": finishing.INVOKING["MaximumRetryAttempts"],
            "maximum_event_age_in_seconds": finishing.INVOKING["MaximumEventAgeInSeconds"],
        }
    }
    # Chalice gives the rule the same name for every stage of an account.
    resource["aws_cloudwatch_event_rule"]["aggregate-event"]["name"] = f"{name}-aggregate-event"
    definition = json.loads(files["locals"]["chalice_api_swagger"])
    definition["x-amazon-apigateway-gateway-responses"] = gateway.RESPONSES
    files["locals"]["chalice_api_swagger"] = json.dumps(definition)
    _mend_api(resource, stage, throttle, with_access_log=with_access_log)
    files["terraform"] = _VERSIONS
    files["variable"] = {"is_new": _IS_NEW}
    files["output"]["EndpointURL"]["value"] = "${aws_api_gateway_stage.rest_api.invoke_url}"
    del files["data"]["null_data_source"]
    return files


def _mend_api(resource: dict[str, Any], stage: str, throttle: Throttle, *, with_access_log: bool) -> None:
    """Add an API Gateway stage. Chalice makes it in the deployment resource, where it can have no settings."""
    api = "${aws_api_gateway_rest_api.rest_api.id}"
    # The definition contains them. A second list would set them twice.
    del resource["aws_api_gateway_rest_api"]["rest_api"]["binary_media_types"]
    resource["aws_api_gateway_deployment"]["rest_api"] = {
        "rest_api_id": api,
        "triggers": {"definition": "${sha1(local.chalice_api_swagger)}"},
        "lifecycle": {"create_before_destroy": True},
    }
    made: dict[str, Any] = {
        "rest_api_id": api,
        "deployment_id": "${aws_api_gateway_deployment.rest_api.id}",
        "stage_name": stage,
    }
    if with_access_log:
        group = f"arn:{_HERE % 'logs'}:log-group:/aws/apigateway/millrace-{stage}"
        made["access_log_settings"] = {"destination_arn": group, "format": finishing.ACCESS_LOG_FORMAT}
    resource["aws_api_gateway_stage"] = {"rest_api": made}
    resource["aws_api_gateway_method_settings"] = {
        "rest_api": {
            "rest_api_id": api,
            "stage_name": "${aws_api_gateway_stage.rest_api.stage_name}",
            "method_path": "*/*",
            "settings": {
                "throttling_rate_limit": throttle.requests_a_second,
                "throttling_burst_limit": throttle.burst,
            },
        }
    }
