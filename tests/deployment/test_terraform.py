"""Terraform makes a stage from what `millrace package --format terraform` writes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from deployed import Deployment
from millrace import gateway, stack
from millrace.deploy import finishing
from waiting import eventually

NAME = "millrace-formed"
EVENT = {"event_type": "page_view", "user_id": "ann", "event_id": "1", "timestamp": "2026-03-01T10:00:00Z"}
# What the emulator needs of the provider and AWS does not.
PROVIDER = {"provider": {"aws": {"s3_use_path_style": True, "skip_metadata_api_check": True}}}


@pytest.fixture(scope="module")
def folder(deployment: Deployment) -> Path:
    """The files of a stage that does not exist, beside another one in the same account."""
    deployment.run("millrace", "package", "--stage", "formed", "--format", "terraform", "--access-log", "formed")
    return deployment.folder / "formed"


@pytest.fixture(scope="module")
def files(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "millrace.tf.json").read_text()))


def test_packaging_for_terraform_leaves_the_checkout_as_it_was(deployment: Deployment, folder: Path) -> None:
    assert sorted(each.name for each in folder.iterdir()) == ["deployment.zip", "millrace.tf.json", "stack.yaml"]
    config = json.loads((deployment.folder / ".chalice" / "config.json").read_text())
    assert "formed" not in config["stages"]
    assert not list((deployment.folder / ".chalice").glob("policy-formed-*"))


def test_every_name_is_the_stage_s_own(files: dict[str, Any]) -> None:
    resource = files["resource"]
    assert resource["aws_cloudwatch_event_rule"]["aggregate-event"]["name"] == f"{NAME}-aggregate-event"
    functions = {each["function_name"] for each in resource["aws_lambda_function"].values()}
    assert functions == {NAME, f"{NAME}-process", f"{NAME}-aggregate"}
    roles = {each["name"] for each in resource["aws_iam_role"].values()}
    assert roles == {f"{NAME}-api_handler", f"{NAME}-process", f"{NAME}-aggregate"}


def test_functions_know_each_output_of_the_stack_and_log_as_a_deployment_has_them_log(
    files: dict[str, Any], folder: Path
) -> None:
    outputs = re.findall(r"^  (\w+):$", (folder / "stack.yaml").read_text().partition("\nOutputs:")[2], re.MULTILINE)
    wanted = {f"${{aws_cloudformation_stack.stage.outputs.{each}}}" for each in outputs}
    for function in files["resource"]["aws_lambda_function"].values():
        assert wanted <= set(function["environment"]["variables"].values())
        assert set(function["logging_config"].values()) == set(finishing.LOGGING.values())


def test_the_api_keeps_its_limits_its_access_log_and_the_form_of_the_gateway_s_errors(files: dict[str, Any]) -> None:
    definition = json.loads(files["locals"]["chalice_api_swagger"])
    assert definition["x-amazon-apigateway-gateway-responses"] == gateway.RESPONSES
    settings = files["resource"]["aws_api_gateway_method_settings"]["rest_api"]["settings"]
    assert settings == {"throttling_rate_limit": 500, "throttling_burst_limit": 1000}
    stage = files["resource"]["aws_api_gateway_stage"]["rest_api"]
    assert stage["access_log_settings"]["format"] == finishing.ACCESS_LOG_FORMAT


def test_the_stack_gets_every_parameter_that_a_deployment_decides(files: dict[str, Any], folder: Path) -> None:
    parameters = files["resource"]["aws_cloudformation_stack"]["stage"]["parameters"]
    assert set(parameters) == {"Watched", "Protected", "TlsOnly"} <= set(stack.parameters_in(folder / "stack.yaml"))


def plugins() -> Path | None:
    """The folder from which this machine's Terraform can take its AWS provider without a download."""
    config = Path(os.environ.get("TF_CLI_CONFIG_FILE", Path.home() / ".terraformrc"))
    text = config.read_text() if config.exists() else ""
    named = re.findall(r'^\s*(?:path|plugin_cache_dir)\s*=\s*"(.+)"', text, re.MULTILINE)
    usual = [os.environ.get("TF_PLUGIN_CACHE_DIR", ""), Path.home() / ".terraform.d/plugins"]
    folders = [Path(each) for each in (*named, *usual, "/usr/local/share/terraform/plugins") if each]
    return next((each for each in folders if any(each.glob("registry.terraform.io/hashicorp/aws/*"))), None)


class Terraform:
    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self._deployment, self._folder = deployment, folder

    def run(self, *arguments: str) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        done = subprocess.run(
            ["terraform", *arguments],
            cwd=self._folder,
            env={**environment, **self._deployment.emulator.environment(), "CHECKPOINT_DISABLE": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout


@pytest.fixture(scope="module")
def terraform(deployment: Deployment, folder: Path) -> Iterator[Terraform]:
    if not shutil.which("terraform") or not plugins():
        pytest.skip("needs Terraform, and its AWS provider in a folder that Terraform's configuration names")
    (folder / "provider.tf.json").write_text(json.dumps(PROVIDER))
    program = Terraform(deployment, folder)
    program.run("init", f"-plugin-dir={plugins()}")
    yield program
    (folder / "provider.tf.json").unlink()


def test_terraform_finds_nothing_wrong_with_the_files(terraform: Terraform) -> None:
    assert json.loads(terraform.run("validate", "-json"))["diagnostics"] == []


def test_a_stage_that_terraform_makes_works_and_leaves_nothing_but_its_data(
    deployment: Deployment, terraform: Terraform
) -> None:
    terraform.run("apply", "-auto-approve", "-var=is_new=true")
    deployment.run("millrace", "upgrade", "--stage", "formed")
    api = json.loads(terraform.run("output", "-json"))["RestAPIId"]["value"]
    url = f"{deployment.emulator.endpoint}/restapis/{api}/formed/_user_request_"
    assert requests.post(f"{url}/events", json=EVENT, timeout=120).status_code == 401
    assert requests.get(f"{url}/nowhere", timeout=120).json()["code"] == "not_found"
    made = ("keys", "create", "--stage", "formed", "--project", "shop", "--json", "--kind")
    write, read = (
        {"Authorization": f"Bearer {json.loads(deployment.run('millrace', *made, kind))['key']}"}
        for kind in ("write", "read")
    )
    reply = requests.post(f"{url}/events", json=EVENT, headers=write, timeout=120).json()
    found = f"{url}/events/{reply['events'][0]['key']}"
    eventually(lambda: requests.get(found, headers=read, timeout=120).status_code == 200, "the event to be found")
    terraform.run("destroy", "-auto-approve")
    assert f"{NAME}-table" in deployment.client("dynamodb").list_tables()["TableNames"]
    deployment.run("millrace", "destroy", "--stage", "formed", "--yes", "--delete-data")
    assert f"{NAME}-table" not in deployment.client("dynamodb").list_tables()["TableNames"]
