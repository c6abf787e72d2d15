"""Finds a stage for a command: the running local stack, or a deployed stage through its stack's outputs."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.core import retries
from chalicelib.errors import UnknownFormat
from chalicelib.settings import Settings
from millrace.command_error import CommandError

if TYPE_CHECKING:  # commands that only use HTTP do not import the AWS SDK
    from chalicelib.wiring import Pipeline

#: Chalice's records of what it deployed, one file for each stage.
_DEPLOYED = Path(".chalice/deployed")
_CONFIG = Path(".chalice/config.json")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


@dataclass(frozen=True)
class Running:
    """A running local stack: its address, its process, and the environment of its functions."""

    url: str
    pid: int
    environment: dict[str, str]


def running_stack(state: Path) -> Running | None:
    """Return the stack that runs with this state, or None."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        running = Running(**json.loads((state / "running.json").read_text()))
        os.kill(running.pid, 0)
        return running
    return None


def stage_url(stage: str | None, state: Path) -> str:
    """Return the address of a deployed stage, or of the local stack. Raises CommandError."""
    if stage is None:
        return local_stack_at(state).url
    try:
        resources = json.loads((_DEPLOYED / f"{stage}.json").read_text())["resources"]
        return reachable_url(next(each for each in resources if "rest_api_url" in each))
    except (OSError, ValueError, KeyError, StopIteration) as error:
        raise CommandError(
            f"The stage {stage} is not deployed from this folder. Name its address with --url."
        ) from error


def reachable_url(rest_api: dict[str, str]) -> str:
    """Return the address of a deployed API, even if AWS_ENDPOINT_URL names another AWS."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        stage = rest_api["rest_api_url"].rstrip("/").rpartition("/")[2]
        return f"{endpoint.rstrip('/')}/restapis/{rest_api['rest_api_id']}/{stage}/_user_request_"
    return rest_api["rest_api_url"].rstrip("/")


def stage_pipeline(stage: str | None, state: Path, *, of_any_format: bool = False) -> Pipeline:
    """Return the ports of a stage, with this machine's AWS credentials or the local stack's.

    Raises StoreFailed, and CommandError for an unknown data format, unless `of_any_format`.
    """
    from chalicelib.wiring import Pipeline

    if stage is None:
        lead_to(local_stack_at(state).environment)
    else:
        os.environ.update(_environment(stage))
    pipeline = Pipeline(Settings.from_environ(), retries.TOOLBOX_CALL)
    return pipeline if of_any_format else checked(pipeline)


def lead_to(environment: Mapping[str, str]) -> None:
    """Make this process use only the AWS of `environment`, and no proxy.

    The user's settings could lead its calls to the real AWS, to another emulator, or to a proxy.
    """
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower() in _PROXIES:
            del os.environ[name]
    os.environ.update(environment)


def checked(pipeline: Pipeline) -> Pipeline:
    """Return the pipeline after checking its data format. Raises CommandError and StoreFailed."""
    try:
        return pipeline.checked()
    except UnknownFormat as error:
        raise CommandError(error.message) from error


def local_stack_at(state: Path) -> Running:
    running = running_stack(state)
    if running is None:
        raise CommandError(
            "The local stack isn't running. Start it with `make run`, or name a stage with --stage or --url."
        )
    return running


def _chosen(stage: str) -> dict[str, str]:
    """Return the environment that this checkout sets for the stage's functions."""
    with contextlib.suppress(OSError, ValueError):
        stages = json.loads(_CONFIG.read_text()).get("stages", {})
        return {name: str(value) for name, value in stages.get(stage, {}).get("environment_variables", {}).items()}
    return {}


def _environment(stage: str) -> dict[str, str]:
    """Return the environment of a deployed stage's functions. Without functions, use the stack and the checkout."""
    from botocore.exceptions import BotoCoreError, ClientError

    from millrace import sdk
    from millrace.stack import Stack

    name = f"millrace-{stage}"
    outputs = Stack(name).environment()
    if not outputs:
        region = sdk.client("cloudformation").meta.region_name
        raise CommandError(f"There is no stage {stage} in {region}. Check its name, the account and the region.")
    try:
        function = sdk.client("lambda").get_function_configuration(FunctionName=f"{name}-process")
    except (BotoCoreError, ClientError) as error:
        if "ResourceNotFoundException" in str(error):
            return _chosen(stage) | outputs
        raise CommandError(f"The settings of the stage {stage} cannot be read: {error}") from error
    variables: dict[str, str] = function.get("Environment", {}).get("Variables", {})
    return outputs | variables
