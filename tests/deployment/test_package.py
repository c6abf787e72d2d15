"""What a pipeline gets: a template that says what `millrace deploy` does."""

from __future__ import annotations

import json
import subprocess
import zipfile
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.dialects.registry import DIALECTS
from deployed import BIN
from millrace import gateway


@pytest.fixture(scope="module")
def resources(packaged: Path) -> dict[str, Any]:
    template: dict[str, Any] = json.loads((packaged / "sam.json").read_text())
    return dict(template["Resources"])


def test_the_template_lints_clean(packaged: Path) -> None:
    done = subprocess.run([BIN / "cfn-lint", packaged / "sam.json"], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


def test_the_package_is_small_and_brings_neither_boto3_nor_the_toolbox(packaged: Path) -> None:
    with zipfile.ZipFile(packaged / "deployment.zip") as package:
        names = {name.split("/")[0] for name in package.namelist()}
    assert {"app.py", "chalicelib", "marshmallow", "chalice"} <= names
    assert not names & {"boto3", "botocore", "millrace", "tests", "pytest"}
    assert (packaged / "deployment.zip").stat().st_size < 5_000_000


def test_what_is_compiled_in_the_package_is_for_the_functions_processor(packaged: Path) -> None:
    arm64 = 183  # e_machine of an ELF file
    with zipfile.ZipFile(packaged / "deployment.zip") as package:
        compiled = [name for name in package.namelist() if name.endswith(".so")]
        machines = {int.from_bytes(package.read(name)[18:20], "little") for name in compiled}
    assert (machines, any("re2" in name for name in compiled)) == ({arm64}, True)


def test_every_module_of_the_package_has_bytecode_that_python_takes(packaged: Path) -> None:
    with zipfile.ZipFile(packaged / "deployment.zip") as package:
        names = package.namelist()
        modules = [name for name in names if name.endswith(".py") and ".data/" not in name]
        for name in modules:
            bytecode = package.read(cache_from_source(name))
            # PEP 552: the magic number, flags that say "by hash" and "check it", the hash of the source.
            assert bytecode[:16] == MAGIC_NUMBER + b"\3\0\0\0" + source_hash(package.read(name)), name
    assert {"app.py", "chalice/app.py", "chalicelib/core/schema.py", "marshmallow/validate.py"} <= set(modules)
    assert len(names) == len(set(names))
    assert sum(name.endswith(".pyc") for name in names) == len(modules)


def test_functions_have_the_names_that_log_groups_and_alarms_know(resources: dict[str, Any]) -> None:
    names = {resources[each]["Properties"]["FunctionName"] for each in ("APIHandler", "Process", "Aggregate")}
    assert names == {"millrace-prod", "millrace-prod-process", "millrace-prod-aggregate"}


def test_each_function_has_a_role_of_its_own_without_wildcards(resources: dict[str, Any]) -> None:
    for role in ("ApiHandlerRole", "ProcessRole", "AggregateRole"):
        [policy] = resources[role]["Properties"]["Policies"]
        statements = policy["PolicyDocument"]["Statement"]
        wild = {action for each in statements if each["Resource"] == ["*"] for action in each["Action"]}
        assert wild <= {"cloudwatch:GetMetricData", "cloudwatch:DescribeAlarms"}


def test_the_api_says_its_gateway_s_errors_as_its_own(resources: dict[str, Any]) -> None:
    definition = resources["RestAPI"]["Properties"]["DefinitionBody"]
    assert definition["x-amazon-apigateway-gateway-responses"] == gateway.RESPONSES
    assert "/events" in definition["paths"]


def test_preflights_are_answered_by_the_gateway_alone_and_alike_for_every_path_that_pages_send_to(
    resources: dict[str, Any],
) -> None:
    paths = resources["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    sending = {path for dialect in DIALECTS for path in dialect.paths}
    answers = set()
    for path in sending:
        integration = paths[path]["options"]["x-amazon-apigateway-integration"]
        assert integration["type"] == "mock"
        headers = integration["responses"]["default"]["responseParameters"]
        answers.add(json.dumps({name: headers[name] for name in headers if "Methods" not in name}, sort_keys=True))
    [answer] = answers
    allowed = json.loads(answer)["method.response.header.Access-Control-Allow-Headers"].strip("'").split(",")
    assert {"*", "Authorization", "X-Write-Key"} <= set(allowed)
    assert "Credentials" not in answer


def test_head_is_a_method_of_every_path_that_answers_get(resources: dict[str, Any]) -> None:
    for methods in resources["RestAPI"]["Properties"]["DefinitionBody"]["paths"].values():
        assert ("head" in methods) == ("get" in methods)
